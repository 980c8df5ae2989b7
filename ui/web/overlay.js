/* Shows the open poll, then how it was decided, then nothing. Texts of polls
 * are set as text; bars are moved by transforms alone. */
(function () {
	var LOST_MS = 15000; /* without news, what it shows is no longer true */
	var FADE_MS = 600;
	var MANY = 6, CROWD = 16;
	var query = new URLSearchParams(location.search);
	var root = document.documentElement;
	var section = document.getElementById("poll");
	var list = document.getElementById("options");
	var left = document.getElementById("left");
	var linger_ms = 1000 * (parseFloat(query.get("linger")) || 8);
	var current = null, built = "", leaving = 0, losing = 0;
	var seen = "", lingers = "", newestPolls = [];

	["accent", "text", "panel", "track", "font", "size",
		"width"].forEach(function (name) {
		if (query.get(name))
			root.style.setProperty("--" + name, query.get(name));
	});
	["top", "center", "right"].forEach(function (place) {
		if ((query.get("at") || "").split(" ").indexOf(place) >= 0)
			root.classList.add(place);
	});
	document.getElementById("join").textContent = query.get("join") || "";

	function make(name, text, into) {
		var e = document.createElement(name === "row" ? "li" : "span");
		e.className = name;
		e.textContent = text;
		if (name === "track" || name === "bar")
			e.style.display = "block";
		into.appendChild(e);
		return e;
	}

	function build(p) {
		var texts = JSON.stringify([p.id, p.question,
			p.options.map(function (o) {
				return [o.id, o.label];
			})]);
		if (texts === built)
			return;
		built = texts;
		document.getElementById("question").textContent = p.question;
		list.textContent = "";
		p.options.forEach(function (o) {
			var row = make("row", "", list);
			row.dataset.option = o.id;
			make("label", o.label, row);
			make("share", "0%", row);
			make("bar", "", make("track", "", row));
		});
		section.classList.toggle("many", p.options.length > MANY);
		section.classList.toggle("crowd", p.options.length > CROWD);
		void list.offsetWidth; /* bars grow from nothing */
	}

	function show(total, counts) {
		showTotal(total);
		if (!counts)
			return;
		var most = 1;
		Object.keys(counts).forEach(function (id) {
			most = Math.max(most, counts[id]);
		});
		list.childNodes.forEach(function (row) {
			var n = counts[row.dataset.option] || 0;
			row.classList.toggle("lead", n === most);
			row.querySelector(".share").textContent =
				percent(n, total);
			row.querySelector(".bar").style.transform =
				"translateX(" + (total > 0 ?
				n * 100 / total - 100 : -100) + "%)";
		});
	}

	/* Of so few votes nothing is said. */
	function isClose(p) {
		return p.too_close && !p.too_few;
	}

	function kicker(phase, close) {
		var words = {
			open: close ? "Too close to call" : "Vote now",
			frozen: "Voting is paused",
			closed: close ? "Too close to call" :
				"Counting the votes",
			resolved: close ? "Decided - too close to call" :
				"Decided",
			"void": "This vote was cancelled"
		};
		document.getElementById("kicker").textContent =
			words[phase] || "";
	}

	function reveal(p) {
		var decided = phaseOf(p) === "resolved";
		section.classList.toggle("secret", p.hidden);
		section.classList.toggle("decided", decided);
		list.childNodes.forEach(function (row) {
			row.classList.toggle("won", decided &&
				row.dataset.option === p.winner);
		});
	}

	function draw(p) {
		var phase = phaseOf(p);
		build(p);
		show(p.total, countsOf(p));
		kicker(phase, isClose(p));
		reveal(p);
		current = {
			id: p.id,
			phase: phase,
			deadline: p.deadline_at || 0
		};
		tick();
		section.hidden = false;
		void section.offsetWidth;
		section.classList.add("on");
	}

	function hide() {
		section.classList.remove("on");
		current = null;
		leaving = setTimeout(function () {
			section.hidden = true;
			built = "";
			leaving = 0;
		}, FADE_MS);
	}

	function stay() {
		clearTimeout(leaving);
		leaving = 0;
		lingers = "";
	}

	function tick() {
		left.textContent = current && current.phase === "open" ?
			clockText(current.deadline) : "";
	}

	function isOpen(p) {
		var phase = phaseOf(p);
		return phase === "open" || phase === "frozen";
	}

	/* Of several the one that was opened last. */
	function newest(polls) {
		return polls.reduce(function (best, p) {
			return !best || (p.opened_at || 0) >=
				(best.opened_at || 0) ? p : best;
		}, null);
	}

	/* What says that its end was shown for long enough. */
	function endOf(p) {
		return p.id + "/" + p.opened_at + "/" + p.state;
	}

	/* The newest that is open; but of one that has just ended the end is
	 * seen first, unless another has been opened since. */
	function choose(known) {
		var open = newest(known.filter(isOpen));
		var last = known.filter(function (p) {
			return current && p.id === current.id;
		}).pop();
		if (last && !isOpen(last) && seen !== endOf(last) &&
			!(open && open.opened_at > last.opened_at))
			return last;
		return open || newest(known.filter(function (p) {
			return p.state === "closed";
		}));
	}

	function linger(end) {
		if (lingers === end)
			return;
		stay();
		lingers = end;
		leaving = setTimeout(function () {
			stay();
			seen = end;
			whole(newestPolls);
		}, linger_ms);
	}

	function whole(polls) {
		var wanted = query.get("poll");
		var on = choose(polls.filter(function (p) {
			return !wanted || p.id === wanted;
		}));
		newestPolls = polls;
		if (on && isOpen(on))
			stay();
		if (on) {
			draw(on);
			if (!isOpen(on) && seen !== endOf(on))
				linger(endOf(on));
		} else if (current) {
			stay();
			hide();
		}
	}

	function counted(t) {
		if (!current || t.poll !== current.id)
			return;
		show(t.total, t.counts);
		kicker(current.phase, isClose(t));
	}

	function lost(yes) {
		if (!yes) {
			clearTimeout(losing);
			losing = 0;
		} else if (!losing) {
			losing = setTimeout(function () {
				losing = 0;
				stay();
				hide();
			}, LOST_MS);
		}
	}

	heardAt(Number(document.body.dataset.now));
	setInterval(tick, 250);
	followTally(5000, whole, counted, lost);
})();
