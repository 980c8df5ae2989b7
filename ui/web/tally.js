
"use strict";
/* What the pages of a poll share. */

/* The server's clock, as its pages and messages tell: what was said long ago
 * only makes the guess early. */
var ahead = -Infinity;
function serverNow() {
	return performance.now() + ahead;
}
function heardAt(ms) {
	ahead = Math.max(ahead, ms - performance.now());
}

/* Calls whole(polls) with all that there is to know, first and whenever a poll
 * opens or closes, counted(tally) as votes come, and lost(yes) when the line is
 * lost and when it is back. It is taken up again, at most longest_ms later; at
 * a moment of chance, because thousands lose it at once. Where WebSockets do
 * not get through, an event stream says the same. */
function followTally(longest_ms, whole, counted, lost) {
	var FIRST_MS = 500;
	var wait = FIRST_MS, failures = 0, line = null, timer = 0;

	function heard(m) {
		var o = JSON.parse(m.data);
		wait = FIRST_MS;
		failures = 0;
		heardAt(o.at);
		if (o.topic === "polls") {
			lost(false);
			whole(o.polls);
		} else if (o.topic === "tally") {
			counted(o);
		}
	}

	function gone() {
		if (!line)
			return;
		line.onclose = line.onerror = line.onmessage = null;
		line.close();
		line = null;
		failures++;
		lost(true);
		timer = setTimeout(open, wait * (0.5 + Math.random()));
		wait = Math.min(wait * 2, longest_ms);
	}

	function open() {
		clearTimeout(timer);
		var where = location.host + "/tally";
		if (failures % 3 === 2 && window.EventSource)
			line = new EventSource("/tally/events");
		else
			line = new WebSocket((location.protocol === "https:" ?
				"wss://" : "ws://") + where);
		line.onmessage = heard;
		line.onclose = line.onerror = gone;
	}

	function now() {
		if (!line && !document.hidden)
			open();
	}

	document.addEventListener("visibilitychange", now);
	window.addEventListener("online", now);
	open();
}

/* The state of a poll in one word. */
function phaseOf(poll) {
	return poll.frozen ? "frozen" :
		poll.state === "extended" ? "open" : poll.state;
}

function showTotal(total) {
	document.getElementById("total").textContent = String(total);
	document.getElementById("unit").textContent =
		total === 1 ? "vote" : "votes";
}

function percent(votes, total) {
	return (total > 0 ? Math.round(votes * 100 / total) : 0) + "%";
}

/* Of a poll as `whole` gets it: votes by option; null: nobody is told. */
function countsOf(poll) {
	if (poll.hidden)
		return null;
	var counts = {};
	poll.options.forEach(function (o) {
		counts[o.id] = o.votes;
	});
	return counts;
}

/* "1:05"; "" when there is no end in sight (0). */
function clockText(deadline) {
	var s = Math.ceil((deadline - serverNow()) / 1000);
	if (!deadline)
		return "";
	s = Math.max(s, 0);
	return Math.floor(s / 60) + ":" + (s % 60 < 10 ? "0" : "") + s % 60;
}
