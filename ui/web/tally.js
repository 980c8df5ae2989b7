"use strict";
/* What the pages of a poll share. */

/* Calls whole(polls) with all that there is to know, first and whenever a poll
 * opens or closes, and counted(tally) as votes come. A lost line is taken up
 * again, at most longest_ms later. */
function followTally(longest_ms, whole, counted) {
	var wait = 500;

	function open() {
		var secure = location.protocol === "https:";
		var ws = new WebSocket((secure ? "wss://" : "ws://") +
			location.host + "/tally");
		ws.onopen = function () {
			wait = 500;
		};
		ws.onmessage = function (m) {
			var o = JSON.parse(m.data);
			if (o.topic === "polls")
				whole(o.polls);
			else if (o.topic === "tally")
				counted(o);
		};
		ws.onclose = function () {
			setTimeout(open, wait);
			wait = Math.min(wait * 2, longest_ms);
		};
	}

	open();
}

/* Puts the votes of the options into the items that show them. */
function showVotes(items, total, counts) {
	document.getElementById("total").textContent = String(total);
	/* Nobody is told before the poll is decided. */
	if (!counts)
		return;
	items.forEach(function (li) {
		var n = counts[li.dataset.option] || 0;
		var bar = li.querySelector("progress");
		bar.max = total > 0 ? total : 1;
		bar.value = n;
		li.querySelector(".votes").textContent = String(n);
	});
}

/* Of a poll as `whole` gets it: votes by option. */
function countsOf(poll) {
	if (poll.hidden)
		return null;
	var counts = {};
	poll.options.forEach(function (o) {
		counts[o.id] = o.votes;
	});
	return counts;
}

function isOpen(poll) {
	return poll.state === "open" || poll.state === "extended";
}

/* What a page was made for, as the server says it. */
function stateOf(poll) {
	return isOpen(poll) ? "yes" : poll.hidden ? "hidden" : "no";
}
