"use strict";
/* Moves the numbers of a page that works without this. */
(function () {
	var main = document.querySelector("main");
	var poll = main.dataset.poll;

	function show(total, counts) {
		showVotes(document.querySelectorAll("li[data-option]"), total,
			counts);
	}

	function whole(polls) {
		polls.forEach(function (p) {
			if (p.id !== poll)
				return;
			/* Opened or closed since: what may be pressed has
			 * changed, and the server decides that. */
			if (stateOf(p) !== main.dataset.open) {
				location.replace("/vote/" +
					encodeURIComponent(poll));
				return;
			}
			show(p.total, countsOf(p));
		});
	}

	followTally(10000, whole, function (tally) {
		if (tally.poll === poll)
			show(tally.total, tally.counts);
	});
})();
