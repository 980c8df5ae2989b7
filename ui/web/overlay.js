"use strict";
/* Shows the open poll, and the last one for a while after it was resolved. */
(function () {
	var LINGER_MS = 8000;
	var section = document.getElementById("poll");
	var list = document.getElementById("options");
	var current = null;
	var leaving = 0;

	function make(tag, name, text) {
		var e = document.createElement(tag);
		e.className = name;
		e.textContent = text;
		return e;
	}

	function build(p) {
		document.getElementById("question").textContent = p.question;
		list.textContent = "";
		p.options.forEach(function (o) {
			var li = document.createElement("li");
			li.dataset.option = o.id;
			li.appendChild(make("span", "label", o.label));
			if (!p.hidden) {
				li.appendChild(
					document.createElement("progress"));
				li.appendChild(make("span", "votes", "0"));
			}
			list.appendChild(li);
		});
		showVotes(list.childNodes, p.total, countsOf(p));
		section.hidden = false;
		current = p.id;
	}

	function leave() {
		if (leaving || current === null)
			return;
		leaving = setTimeout(function () {
			section.hidden = true;
			current = null;
			leaving = 0;
		}, LINGER_MS);
	}

	function whole(polls) {
		var open = polls.filter(isOpen);
		if (open.length) {
			clearTimeout(leaving);
			leaving = 0;
			build(open[open.length - 1]);
			return;
		}
		polls.forEach(function (p) {
			if (p.id === current)
				build(p);
		});
		leave();
	}

	followTally(5000, whole, function (tally) {
		if (tally.poll === current)
			showVotes(list.childNodes, tally.total, tally.counts);
	});
})();
