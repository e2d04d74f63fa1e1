"use strict";
(() => {
  const say = text => { document.getElementById("said").textContent = text; };
  const all = (where, what) => [...where.querySelectorAll(what)];

  // The clipboard of a page from a file may be closed: then copy a selection.
  const copy = async text => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* go on */ }
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "unseen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  for (const b of all(document, ".copy")) b.addEventListener("click", async () => {
    const done = await copy(b.dataset.copy);
    b.focus();
    b.textContent = done ? "Copied" : "Select it by hand";
    say(done ? "The command is on the clipboard." : "The command could not be copied.");
    setTimeout(() => { b.textContent = "Copy"; }, 2000);
  });

  // A row of a timeline, as the page's own ones are.
  const CLASSES = {"|": "a", ":": "a v", d: "a m md v1", D: "a m md v2", S: "a m ms vs", s: "a m ms", C: "a vs vc", o: "a t", L: "a m ml", T: "a m mt", P: "a m mp", X: "a m mx", M: "a m mm"};
  const el = (tag, cls, text) => {
    const e = document.createElement(tag);
    if (cls) e.className = cls;
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const cells = (letters, n) => {
    const span = el("span", "cells");
    for (let i = 0; i < n; i++) span.append(el("i", CLASSES[letters[i]]));
    return span;
  };
  const row = (r, data) => {
    const [kind, letters, text, fate, note, stack, dir] = r;
    const li = el("li", kind + " " + fate), op = el("span", "op", text);
    if (note) op.append(" ", el("small", "", note));
    if (stack < 0) { li.append(cells(letters, data.n), op); return li; }
    if (fate && fate !== "durable") op.prepend(el("b", "tag", fate), " ");
    const lines = data.stacks[stack], summary = el("summary"), more = el("div", "more"), list = el("ol");
    summary.append(cells(letters, data.n), op, el("span", "src", lines[0].split("  ")[0].split("/").slice(-2).join("/")));
    summary.tabIndex = -1;
    list.append(...lines.map(l => el("li", "", l)));
    more.append(el("p", "", text + ", in " + data.dirs[dir]), list);
    const details = el("details");
    details.append(summary, more);
    li.append(details);
    return li;
  };

  const PAGE = 250;
  for (const timeline of all(document, ".timeline")) {
    const script = timeline.querySelector(".hidden-rows");
    let data;
    for (const gap of all(timeline, ".gap")) {
      const button = gap.querySelector("button"), count = gap.querySelector(".count");
      button.hidden = false;
      let left;
      const label = () => {
        button.textContent = left === undefined || left > PAGE ? "Show " + PAGE + " more" : "Show them";
        if (left !== undefined) count.textContent = left.toLocaleString("en") + " steps before this";
      };
      label();
      button.addEventListener("click", () => {
        data ??= JSON.parse(script.textContent);
        const rows = data.gaps[gap.dataset.gap];
        left ??= rows.length;
        const from = Math.max(0, left - PAGE), part = document.createDocumentFragment();
        for (const r of rows.slice(from, left)) part.append(row(r, data));
        const first = part.querySelector("summary"), more = left - from;
        gap.after(part);
        left = from;
        say(more + " steps are shown.");
        if (left === 0) gap.remove(); else label();
        if (first && left === 0) first.focus();
      });
    }
    // One stop for the tab key; arrows walk.
    const stops = () => all(timeline, "summary");
    stops().forEach((s, i) => { s.tabIndex = i ? -1 : 0; });
    const go = s => {
      if (!s) return;
      for (const old of all(timeline, 'summary[tabindex="0"]')) old.tabIndex = -1;
      s.tabIndex = 0;
      s.focus();
    };
    timeline.addEventListener("keydown", e => {
      const list = stops(), at = list.indexOf(document.activeElement);
      if (at < 0 || e.ctrlKey || e.metaKey || e.altKey) return;
      const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1}[e.key];
      if (to === undefined) return;
      e.preventDefault();
      go(list[to]);
    });
    timeline.addEventListener("focusin", e => {
      if (e.target.matches("summary") && e.target.tabIndex < 0) go(e.target);
    });
    timeline.goLost = () => {
      const list = all(timeline, ".lost summary, .torn summary, .dropped summary");
      const next = list[list.indexOf(document.activeElement) + 1];
      if (next) go(next);
      return !!next;
    };
  }

  const findings = all(document, ".finding");
  const show = f => {
    const d = f.querySelector(":scope > details");
    if (d) d.open = true;
    f.scrollIntoView();
    (f.querySelector(":scope > details > summary") || f).focus({preventScroll: true});
  };
  const current = () => {
    const inside = findings.findIndex(f => f.contains(document.activeElement));
    return inside >= 0 ? inside : findings.findLastIndex(f => f.getBoundingClientRect().top <= 4);
  };
  document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input, textarea")) return;
    if (e.key === "n" || e.key === "p") {
      const f = findings[current() + (e.key === "n" ? 1 : -1)];
      if (f) show(f);
    }
    if (e.key === "l") {
      const f = findings[Math.max(0, current())];
      if (f) all(f, ".timeline").some(t => t.goLost());
    }
  });
  const fromHash = () => {
    const f = location.hash && document.getElementById(location.hash.slice(1));
    if (f && f.matches(".finding")) show(f);
  };
  addEventListener("hashchange", fromHash);
  fromHash();
  for (const b of all(document, ".openall")) b.addEventListener("click", () => {
    const open = b.getAttribute("aria-pressed") !== "true";
    b.setAttribute("aria-pressed", open);
    b.textContent = open ? "Close all findings" : "Open all findings";
    for (const f of findings) f.querySelector(":scope > details").open = open;
  });
})();
