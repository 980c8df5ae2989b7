"use strict";
/* Shows the open poll, and the last one for a while after it was resolved. */
(function () {
	var LINGER_MS = 8000;
	var section = document.getElementById("poll");
	var list = document.getElementById("options");
	var current = null;
	var leaving = 0;
	var wait = 500;

	function bars(total, counts) {
		document.getElementById("total").textContent = String(total);
		list.childNodes.forEach(function (li) {
			var n = counts[li.dataset.option] || 0;
			var bar = li.querySelector("progress");
			bar.max = total > 0 ? total : 1;
			bar.value = n;
			li.querySelector(".votes").textContent = String(n);
		});
	}

	function make(tag, name, text) {
		var e = document.createElement(tag);
		e.className = name;
		e.textContent = text;
		return e;
	}

	function build(p) {
		var counts = {};
		document.getElementById("question").textContent = p.question;
		list.textContent = "";
		p.options.forEach(function (o) {
			var li = document.createElement("li");
			li.dataset.option = o.id;
			li.appendChild(make("span", "label", o.label));
			li.appendChild(document.createElement("progress"));
			li.appendChild(make("span", "votes", "0"));
			list.appendChild(li);
			counts[o.id] = o.votes;
		});
		bars(p.total, counts);
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
		var open = polls.filter(function (p) {
			return p.state === "open" || p.state === "extended";
		});
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

	function follow() {
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
			else if (o.topic === "tally" && o.poll === current)
				bars(o.total, o.counts);
		};
		ws.onclose = function () {
			setTimeout(follow, wait);
			wait = Math.min(wait * 2, 5000);
		};
	}

	follow();
})();
