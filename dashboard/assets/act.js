// Tabs, dates, theme, and coming back after the API was away. The address is the only state.
(function () {
  "use strict";
  var YEAR = 31536000;
  var probe = null;

  function page() { return document.querySelector(".page"); }
  function address(changes) {
    var url = new URL(window.location);
    Object.entries(changes).forEach(function (change) {
      if (change[1]) url.searchParams.set(change[0], change[1]); else url.searchParams.delete(change[0]);
    });
    return url;
  }
  function remember(name, value) {
    document.cookie = name + "=" + value + ";path=/;max-age=" + YEAR + ";samesite=lax";
  }
  function go(url) {
    if (url.href === window.location.href) return;
    window.history.pushState({}, "", url);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    setTimeout(function () { document.documentElement.classList.add("loading"); }, 150);
  }
  function say(text) {
    var live = document.getElementById("live");
    if (live) live.textContent = text;
  }

  function openTab(tab) {
    document.querySelectorAll("[role=tab]").forEach(function (other) {
      var chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    });
    tab.focus();
    window.actFitGrids();
    window.history.replaceState(window.history.state, "", address({ period: tab.dataset.period === "20" ? "" : tab.dataset.period }));
    say(document.getElementById(tab.getAttribute("aria-controls")).dataset.live);
  }
  function switchTheme() {
    var root = document.documentElement;
    root.dataset.theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    remember("theme", root.dataset.theme);
    window.actApplyTheme();
    say(document.getElementById("theme").dataset[root.dataset.theme]);
  }
  function copyLink(button) {
    var url = address({ date: page().dataset.date, lang: page().dataset.lang });
    navigator.clipboard.writeText(url.href).then(function () {
      var label = button.textContent;
      button.textContent = button.dataset.done;
      setTimeout(function () { button.textContent = label; }, 1500);
    });
  }

  document.addEventListener("click", function (event) {
    var target = event.target.closest("[role=tab], [data-go], [data-lang-link], #theme, [data-copy]");
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (target.matches("[role=tab]")) openTab(target);
    else if (target.id === "theme") switchTheme();
    else if (target.matches("[data-copy]")) copyLink(target);
    else if (target.matches("[data-go]")) { event.preventDefault(); go(address({ date: target.dataset.date })); }
    else {
      event.preventDefault();
      remember("lang", target.dataset.langLink);
      window.location.assign(address({ lang: target.dataset.langLink }));  // <html lang> and the tables' words are the server's
    }
  });
  document.addEventListener("change", function (event) {
    if (event.target.id === "date" && event.target.value) go(address({ date: event.target.value }));
  });
  document.addEventListener("keydown", function (event) {
    var tab = event.target.closest("[role=tab]");
    var tabs = Array.from(document.querySelectorAll("[role=tab]"));
    if (tab) {
      var index = tabs.indexOf(tab);
      var to = { ArrowRight: (index + 1) % tabs.length, ArrowLeft: (index + tabs.length - 1) % tabs.length, Home: 0,
        End: tabs.length - 1 }[event.key];
      if (to !== undefined) { event.preventDefault(); openTab(tabs[to]); return; }
    }
    if (event.target.closest("input, textarea, select, .ag-root") || event.ctrlKey || event.metaKey || event.altKey) return;
    var link = { "[": "previous", "]": "next" }[event.key];
    if (link) { var step = document.querySelector("[data-go=" + link + "]"); if (step) step.click(); }
    else if (event.key === "t") switchTheme();
    else if (tabs[Number(event.key) - 1]) openTab(tabs[Number(event.key) - 1]);
    else if (event.key === "Escape") document.querySelectorAll("details.fresh[open]").forEach(function (one) { one.open = false; });
  });

  // The API is away: look for it after 5, 10, 20, 40, 60 … seconds, and show the page anew when it is back.
  function lookFor(seconds) {
    probe = setTimeout(function () {
      fetch("/healthz").then(function (answer) { return answer.json(); }).then(function (health) {
        if (health.api !== "up") { lookFor(Math.min(seconds * 2, 60)); return; }
        sessionStorage.setItem("back", "yes");
        window.location.reload();
      }, function () { lookFor(Math.min(seconds * 2, 60)); });
    }, seconds * 1000);
  }

  function arrived(now) {
    document.documentElement.classList.remove("loading");
    entitle();
    remember("lang", now.dataset.lang);
    clearTimeout(probe);
    if (now.querySelector("[data-away]")) lookFor(5);
    else if (sessionStorage.getItem("back")) {
      sessionStorage.removeItem("back");
      var line = document.createElement("p");
      line.className = "notice ok";
      line.textContent = now.dataset.back;
      now.querySelector("main").prepend(line);
      say(now.dataset.back);
      setTimeout(function () { line.remove(); }, 3000);
    }
    window.actFitGrids();
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
    if (now && now !== shown) { shown = now; arrived(now); }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
