// What a reader does: choices, dates, language, theme, keys; and coming back after the API was away.
// The address is the only state. Markup says what is possible:
//   data-choice, data-value   a button (or a select, a range) of a choice; data-toggles: pressed again it is taken back;
//                             data-asks: the page is asked for anew
//   data-when="name=value"    a part that is seen with that value only
//   data-go="name=value"      a link to the same page with another value, in the history
//   data-orders="name"        rows with a data-<value> each, highest first
//   data-later                a panel that is still data
//   data-html                 what stands in an element, to be written there: components are dearer (markup.py)
//   data-right                a box that opens scrolled to its right end
// and .page has data-is-<name>="value" of every choice, for act.css
(function () {
  "use strict";
  var YEAR = 31536000, LOOK_SECONDS = 60;
  var BUTTONS = "button[data-choice], [data-go], [data-page], [data-lang-link], [data-copy], [data-clears], " +
    "#theme, #keys, #definitions";
  var probe = null, waiting = null;

  function all(selector, within) { return Array.from((within || document).querySelectorAll(selector)); }
  function page() { return document.querySelector(".page"); }
  function defaults() { return page() ? JSON.parse(page().dataset.choices) : {}; }
  function address(changes) {
    var url = new URL(window.location);
    Object.entries(changes).forEach(function (change) {
      if (change[1] && change[1] !== defaults()[change[0]]) url.searchParams.set(change[0], change[1]);
      else url.searchParams.delete(change[0]);
    });
    return url;
  }
  function valueOf(name) {
    var given = new URL(window.location).searchParams.get(name);
    var refused = page() ? JSON.parse(page().dataset.refused) : {};
    if (given && refused[name] === given) return defaults()[name];  // the default is shown, and a notice says so
    return given || defaults()[name] || "";
  }
  function remember(name, value) {
    document.cookie = name + "=" + value + ";path=/;max-age=" + YEAR + ";samesite=lax";
  }
  function write(url, isNew) {
    if (url.href !== window.location.href) window.history[isNew ? "pushState" : "replaceState"]({}, "", url);
  }
  function go(url, isQuiet) {
    if (url.href === window.location.href) return;
    write(url, !isQuiet);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    clearTimeout(waiting);
    waiting = setTimeout(function () { document.documentElement.classList.add("loading"); }, 150);
  }
  function say(text) {
    var live = document.getElementById("live");
    if (live) live.textContent = text;
  }

  function tell(kind, text) {
    var line = document.createElement("p");
    line.className = "notice " + kind;
    line.textContent = text;
    page().querySelector("main").prepend(line);
    say(text);
    return line;
  }

  // -- choices --
  function show(name, value) {
    all('button[data-choice="' + name + '"]').forEach(function (button) {
      var isChosen = button.dataset.value === value;
      if (button.getAttribute("role") === "tab") {
        button.setAttribute("aria-selected", String(isChosen));
        button.tabIndex = isChosen ? 0 : -1;
      } else button.setAttribute("aria-pressed", String(isChosen));
    });
    all('[data-when^="' + name + '="]').forEach(function (part) {
      part.hidden = part.dataset.when !== name + "=" + value;
      if (!part.hidden) fill(part);
      if (!part.hidden && part.dataset.live) say(part.dataset.live);
    });
    page().setAttribute("data-is-" + name, value);
    all('[data-orders="' + name + '"]').forEach(function (body) { order(body, value); });
    window.actGrids.chosen(name);
    window.actCharts.chosen(name, value);
    if (page().dataset.stores.split(" ").includes(name)) {
      window.dash_clientside.set_props("address", { data: { query: window.location.search.slice(1) } });
      window.dash_clientside.set_props("choice-" + name, { data: value });
    }
  }
  // A closed tab's panel is made of its data when there is time, at the latest when it is opened.
  function isLater(panel) { return Boolean(panel.dataset.later); }
  function fill(panel) {
    if (!isLater(panel)) return;
    var later = window.dash_component_api.getLayout("later-" + panel.id);
    window.dash_clientside.set_props(panel.id, { children: later.props.data, "data-later": "" });
  }
  function unfold() {
    all("[data-html]").forEach(function (part) {
      part.innerHTML = part.dataset.html;
      part.removeAttribute("data-html");
    });
  }
  var isFilling = false, idle = window.requestIdleCallback || function (work) { setTimeout(work, 50); };
  function fillLater() {
    if (isFilling || !all("[role=tabpanel]").some(isLater)) return;
    isFilling = true;
    window.actGrids.drawn().then(function () {
      idle(function () {
        isFilling = false;
        var panel = all("[role=tabpanel]").find(isLater);
        if (panel) fill(panel);  // which changes the page: then comes the next
      });
    });
  }
  function foldOnPhones(now) {
    if (!window.matchMedia("(max-width: 575.98px)").matches) return;
    all("details[data-part]:not([data-met])", now).forEach(function (part) { part.open = false; part.dataset.met = "yes"; });
  }
  function order(body, value) {
    Array.from(body.children).sort(function (one, other) {
      return Number(other.dataset[value]) - Number(one.dataset[value]);
    }).forEach(function (row) { body.append(row); });
  }
  function choose(name, value, isNew) {
    write(address({ [name]: value }), isNew);
    show(name, value || defaults()[name]);
  }
  function press(button) {
    var name = button.dataset.choice, value = button.dataset.value;
    if (button.dataset.toggles && valueOf(name) === value) value = defaults()[name];
    if (button.dataset.asks) go(address({ [name]: value }), true);
    else choose(name, value, button.dataset.history === "new");
    if (button.getAttribute("role") === "tab") button.focus();
  }
  window.act = { address: address, choose: choose, valueOf: valueOf, write: write, say: say, all: all };
  // A drawer that was closed takes its choice back.
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    act: {
      closed: function (isOpen, id) {
        var name = id.replace("drawer-", "");
        if (!isOpen && valueOf(name)) write(address({ [name]: "" }));
        if (!isOpen) window.actGrids.chosen(name);
        return window.dash_clientside.no_update;
      }
    }
  });

  // Back: Dash makes a page anew only when it knew of the address that was left.
  window.addEventListener("popstate", function () {
    setTimeout(function () {
      if (!page() || page().dataset.path !== window.location.pathname) return;
      Object.keys(defaults()).forEach(function (name) {
        if (page().getAttribute("data-is-" + name) !== valueOf(name)) show(name, valueOf(name));
      });
    });
  });

  // -- buttons --
  // To the other theme; where that is the system's, the system decides again.
  function switchTheme() {
    var root = document.documentElement, other = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.theme = window.matchMedia("(prefers-color-scheme: " + other + ")").matches ? "auto" : other;
    remember("theme", root.dataset.theme);
    window.actApplyTheme();
    say(document.getElementById("theme").dataset[root.dataset.theme]);
  }
  function copyLink(button) {
    var pins = JSON.parse(page().dataset.pins);
    Object.keys(pins).forEach(function (name) { pins[name] = valueOf(name) || pins[name]; });
    copy(address(Object.assign({ lang: page().dataset.lang }, pins)).href).then(function () {
      var label = button.textContent;
      button.textContent = button.dataset.done;
      say(button.dataset.done);
      setTimeout(function () { button.textContent = label; }, 1500);
    });
  }
  // A browser has a clipboard for https and localhost only; elsewhere a field's text can be copied.
  function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    var field = document.createElement("textarea"), before = document.activeElement;
    field.value = text;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    var isDone = document.execCommand("copy");
    field.remove();
    before.focus();
    return isDone ? Promise.resolve() : Promise.reject(new Error("nothing was copied"));
  }
  function openKeys() {
    var dialog = document.getElementById("key-list");
    if (dialog && !dialog.open) dialog.showModal();
  }
  function openDefinitions() {
    var lists = all("details.definitions").filter(function (list) { return list.checkVisibility(); });
    lists.forEach(function (list) { list.open = true; });
    if (lists.length) lists[0].querySelector("summary").focus();
  }
  function changesOf(text) {
    return Object.fromEntries(text.split(" ").map(function (one) { return one.split("="); }));
  }
  document.addEventListener("click", function (event) {
    all("details.fresh[open], details.menu[open]").forEach(function (one) { if (!one.contains(event.target)) one.open = false; });
    if (event.target.matches("dialog")) event.target.close();
    var target = event.target.closest(BUTTONS);
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (target.matches("[data-choice]")) press(target);
    else if (target.id === "theme") switchTheme();
    else if (target.id === "keys") openKeys();
    else if (target.id === "definitions") openDefinitions();
    else if (target.matches("[data-copy]")) copyLink(target);
    else if (target.matches("[data-clears]")) window.actGrids.clear(target.dataset.clears);
    else if (target.matches("[data-page]")) { event.preventDefault(); go(new URL(target.href)); }
    else if (target.matches("[data-go]")) { event.preventDefault(); go(address(changesOf(target.dataset.go))); }
    else {
      event.preventDefault();
      remember("lang", target.dataset.langLink);
      window.location.assign(address({ lang: target.dataset.langLink }));  // <html lang> and the tables' words are the server's
    }
  });
  // A date that is typed changes with each digit: it counts at Enter, or when the field is left.
  var typed = null;
  function take(field) {
    var of = field.closest("[data-choice-of]");
    if (field.id === "date" && field.value) go(address({ date: field.value }));
    else if (of) go(address({ [of.dataset.choiceOf]: field.value }), true);
  }
  function takeTyped() {
    var was = typed;
    typed = null;
    if (was && was.isChanged) take(was.field);
  }
  document.addEventListener("change", function (event) {
    if (typed && typed.field === event.target) typed.isChanged = true;
    else take(event.target);
  });
  document.addEventListener("focusout", takeTyped);
  document.addEventListener("keydown", function (event) {
    if (!event.target.matches("input[type=date]")) return;
    if (event.key === "Enter") takeTyped();
    else if (!typed || typed.field !== event.target) typed = { field: event.target };
  });

  // -- keys --
  function move(tab, key) {
    var tabs = all("[role=tab]", tab.closest("[role=tablist]"));
    var index = tabs.indexOf(tab);
    var to = { ArrowRight: (index + 1) % tabs.length, ArrowLeft: (index + tabs.length - 1) % tabs.length, Home: 0,
      End: tabs.length - 1 }[key];
    if (to !== undefined) press(tabs[to]);
    return to !== undefined;
  }
  var isLeaving = false;  // g was pressed: the next key names a page
  document.addEventListener("keydown", function (event) {
    var tab = event.target.closest("[role=tab]");
    if (tab && move(tab, event.key)) { event.preventDefault(); return; }
    if (event.target.closest("input, textarea, select, .ag-root, dialog, .offcanvas") || event.ctrlKey || event.metaKey || event.altKey) return;
    var to = isLeaving && document.querySelector('nav a[data-key="' + CSS.escape(event.key) + '"]');
    isLeaving = event.key === "g";
    if (to) { to.click(); return; }
    var step = { "[": "previous", "]": "next" }[event.key];
    if (step) { var link = document.querySelector("[data-step=" + step + "]"); if (link) link.click(); }
    else if (event.key === "t") switchTheme();
    else if (event.key === "?") openKeys();
    else if (event.key === "/") {
      var search = all("[data-searches] input").find(function (one) { return one.offsetWidth; });
      if (search) { event.preventDefault(); search.focus(); }
    } else if (event.key >= "1" && event.key <= "9") {
      var list = document.querySelector("[role=tablist]");
      var chosen = list && all("[role=tab]", list)[Number(event.key) - 1];
      if (chosen) press(chosen);
    } else if (event.key === "Escape") all("details.fresh[open], details.menu[open]").forEach(function (one) { one.open = false; });
  });

  // The API is away: look for it after 5, 10, 20, 40, 60 … seconds, and show the page anew when it is back. The seconds
  // outlast that: it may say that it is up, and still fail at what this page asks.
  function lookFor() {
    var seconds = Number(sessionStorage.getItem("wait") || 5);
    probe = setTimeout(function () {
      sessionStorage.setItem("wait", Math.min(seconds * 2, 60));
      fetch("/healthz").then(function (answer) { return answer.json(); }).then(function (health) {
        if (health.api !== "up") { lookFor(); return; }
        sessionStorage.setItem("back", "yes");
        window.location.reload();
      }, lookFor);
    }, seconds * 1000);
  }

  // What comes into an open page, a drawer say, may be the first to tell that the API is away.
  function watch(now) {
    if (!document.querySelector("[data-away]")) return false;
    if (probe) return true;
    lookFor();
    var badge = now.querySelector(".badge-fresh");
    badge.className = "badge-fresh error";
    badge.firstChild.textContent = "✕";
    badge.lastChild.textContent = now.dataset.lostBadge;
    return true;
  }

  // A callback's answer knows the choices of when it was asked for.
  function settle() {
    all("[data-when]").forEach(function (part) {
      var parts = part.dataset.when.split("=");
      var isHidden = valueOf(parts[0]) !== parts[1];
      if (part.hidden !== isHidden) part.hidden = isHidden;
    });
  }

  // A page that is left open says when there is something newer, or no API; nothing moves under the reader's eyes.
  setInterval(function () {
    var now = page();
    if (!probe) sessionStorage.removeItem("wait");
    if (!now || document.hidden || document.querySelector("[data-away], .notice.new")) return;
    fetch("/newest").then(function (answer) { return answer.json(); }).then(function (found) {
      if (now !== page()) return;
      if (found.is_away) { tell("error", now.dataset.lost).dataset.away = "true"; return; }
      if (!found.as_of_date || found.as_of_date <= now.dataset.newest) return;
      var line = tell("new", now.dataset.new.replace("#", found.as_of_date.slice(5))), link = document.createElement("a");
      link.textContent = now.dataset.show;
      link.href = address({ date: "" }).href;
      line.append(link);
    }, function () { /* the dashboard is away, too: the next look may find it */ });
  }, LOOK_SECONDS * 1000);

  // -- a page has arrived --
  var path = null, told = "";
  function arrived(now) {
    clearTimeout(waiting);
    document.documentElement.classList.remove("loading");
    entitle();
    remember("lang", now.dataset.lang);
    clearTimeout(probe);
    probe = null;
    if (!watch(now) && sessionStorage.getItem("back")) {
      sessionStorage.removeItem("back");
      var line = tell("ok", now.dataset.back);
      setTimeout(function () { line.remove(); }, 3000);
    }
    var notice = now.querySelector("main > .notice"), news = now.dataset.title + (notice ? ". " + notice.textContent : "");
    if (path !== null && path !== window.location.pathname) now.querySelector("h1").focus();
    else if (path !== null && news !== told) setTimeout(function () { say(news); }, 100);  // a new region is not heard at once
    told = news;
    path = window.location.pathname;
    now.dataset.stores.split(" ").filter(Boolean).forEach(function (name) {
      // what the address asks for beyond what the server drew: a drawer
      if (now.querySelector('[data-drawer="' + name + '"]') && valueOf(name)) show(name, valueOf(name));
    });
    Object.keys(defaults()).forEach(function (name) { now.setAttribute("data-is-" + name, valueOf(name)); });
    all("[data-orders]", now).forEach(function (body) { order(body, valueOf(body.dataset.orders)); });
    all("[data-right]", now).forEach(function (box) { box.scrollLeft = box.scrollWidth; });
    foldOnPhones(now);
    window.actGrids.arrived();
    window.actCharts.arrived();
  }

  // Dash writes its own, fixed title after each page change
  function entitle() {
    var wanted = page() && page().dataset.title + " · " + page().dataset.name;
    if (wanted && document.title !== wanted) document.title = wanted;
  }
  new MutationObserver(entitle).observe(document.querySelector("title"), { childList: true });

  var shown = null;
  new MutationObserver(function () {
    var now = page();
    if (!now) return;
    unfold();
    if (now !== shown) { shown = now; arrived(now); }
    else { watch(now); settle(); foldOnPhones(now); window.actGrids.arrived(); window.actCharts.arrived(); }
    fillLater();
  }).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["data-html"] });
})();
