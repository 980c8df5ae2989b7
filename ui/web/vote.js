/* Makes a page live that works without this: votes are sent without leaving it,
 * and again when the line is bad; numbers move; what may be pressed follows the
 * poll. The server makes every page, here only parts of it are exchanged. */
(function () {
	var TRIES = 8;
	var main = document.querySelector("main");
	var poll = main.dataset.poll;
	var address = "/vote/" + encodeURIComponent(poll);
	var note = main.querySelector(".note");
	var left = document.getElementById("left");
	var deadline = 0, sending = false, asked = false;

	function part(root, name) {
		return root.querySelector(name);
	}

	/* Takes over what another page of this poll says. */
	function become(html) {
		var other = part(new DOMParser().parseFromString(html,
			"text/html"), "main");
		if (!other || other.dataset.poll !== poll) {
			note.textContent = other ?
				part(other, ".note").textContent :
				"The answer makes no sense. Try again.";
			return;
		}
		[".note", ".state", "#options", "#total",
			"#unit"].forEach(function (n) {
			var to = part(main, n), from = part(other, n);
			if (to.isEqualNode(from))
				return;
			while (to.firstChild)
				to.removeChild(to.firstChild);
			while (from.firstChild)
				to.appendChild(document.adoptNode(
					from.firstChild));
		});
		part(main, "[name=opened]").value =
			part(other, "[name=opened]").value;
		main.dataset.state = other.dataset.state;
		takeTimes(other);
	}

	function takeTimes(from) {
		heardAt(Number(from.dataset.now));
		deadline = Number(from.dataset.deadline);
		tick();
	}

	function tick() {
		var text = clockText(deadline);
		left.textContent = main.dataset.state === "open" && text ?
			text + " left" : "";
	}

	function ask(options, then, failed) {
		options.headers = Object.assign({Accept: "text/html"},
			options.headers);
		options.credentials = "same-origin";
		fetch(address, options).then(function (a) {
			return a.text();
		}).then(then, failed);
	}

	function lookAgain() {
		if (asked || sending)
			return;
		asked = true;
		/* Not all of the audience in the same moment. */
		setTimeout(function () {
			ask({}, function (html) {
				asked = false;
				become(html);
			}, function () {
				asked = false;
			});
		}, Math.random() * 1000);
	}

	function busy(yes) {
		sending = yes;
		main.setAttribute("aria-busy", String(yes));
	}

	/* Of which opening of the poll: what is tried again after the next one
	 * began is not a vote in that. */
	function send(option, opened, tries) {
		ask({
			method: "POST",
			headers: {"Content-Type":
				"application/x-www-form-urlencoded"},
			body: "option=" + encodeURIComponent(option) +
				"&opened=" + opened
		}, function (html) {
			busy(false);
			become(html);
			document.getElementById("said").focus();
		}, function () {
			if (tries < TRIES) {
				note.textContent = "Your vote is not through " +
					"yet. Trying again.";
				setTimeout(send, Math.min(500 << tries, 8000),
					option, opened, tries + 1);
				return;
			}
			busy(false);
			note.textContent = "Your vote did not get through. " +
				"Choose again when you are online.";
		});
	}

	main.addEventListener("click", function (e) {
		var button = e.target.closest && e.target.closest("button");
		if (!button || !window.fetch || !window.DOMParser)
			return;
		e.preventDefault();
		if (sending)
			return;
		busy(true);
		note.textContent = "Sending your vote.";
		send(button.value, part(main, "[name=opened]").value, 0);
	});

	function show(total, counts) {
		showTotal(total);
		main.querySelectorAll("li").forEach(function (li) {
			var bar = part(li, "progress");
			if (!counts || !bar)
				return;
			var n = counts[li.dataset.option] || 0;
			bar.max = Math.max(total, 1);
			bar.value = n;
			part(li, ".votes").textContent = String(n);
			part(li, ".share").textContent = percent(n, total);
		});
	}

	function showOthers(polls) {
		var n = polls.filter(function (p) {
			var phase = phaseOf(p);
			return p.id !== poll &&
				(phase === "open" || phase === "frozen");
		}).length;
		part(main, ".others").textContent = n > 1 ?
			n + " other polls are open." :
			n ? "Another poll is open." : "";
	}

	function whole(polls) {
		showOthers(polls);
		polls.forEach(function (p) {
			if (p.id !== poll)
				return;
			deadline = p.deadline_at || 0;
			/* Opened or closed since: what may be pressed has
			 * changed, and the server decides that. */
			if (phaseOf(p) !== main.dataset.state)
				lookAgain();
			else
				show(p.total, countsOf(p));
			tick();
		});
	}

	document.documentElement.classList.add("live");
	takeTimes(main);
	setInterval(tick, 500);
	followTally(10000, whole, function (tally) {
		if (tally.poll === poll)
			show(tally.total, tally.counts);
	}, function () {});
})();
