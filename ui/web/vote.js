"use strict";
/* Moves the numbers of a page that works without this. */
(function () {
	var main = document.querySelector("main");
	var poll = main.dataset.poll;
	var wait = 500;

	function show(total, counts) {
		document.getElementById("total").textContent = String(total);
		document.querySelectorAll("li[data-option]").forEach(
			function (li) {
				var n = counts[li.dataset.option] || 0;
				var bar = li.querySelector("progress");
				bar.max = total > 0 ? total : 1;
				bar.value = n;
				li.querySelector(".votes").textContent =
					String(n);
			});
	}

	function whole(polls) {
		polls.forEach(function (p) {
			if (p.id !== poll)
				return;
			var open = p.state === "open" ||
				p.state === "extended" ? "yes" : "no";
			/* Opened or closed since: what may be pressed has
			 * changed, and the server decides that. */
			if (open !== main.dataset.open) {
				location.replace("/vote/" +
					encodeURIComponent(poll));
				return;
			}
			var counts = {};
			p.options.forEach(function (o) {
				counts[o.id] = o.votes;
			});
			show(p.total, counts);
		});
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
			else if (o.topic === "tally" && o.poll === poll)
				show(o.total, o.counts);
		};
		ws.onclose = function () {
			setTimeout(follow, wait);
			wait = Math.min(wait * 2, 10000);
		};
	}

	follow();
})();
