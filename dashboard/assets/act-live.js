// Small things of single pages: a status in a table, the number beside a slider, a meaning that Escape hides,
// and asking again while a run is running.
(function () {
  "use strict";
  var components = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});

  components.ActStatus = function (params) {
    var row = params.data;
    return window.React.createElement("span", { className: "status " + row.mark_kind },
      window.React.createElement("span", { "aria-hidden": "true" }, row.mark), params.value);
  };

  document.addEventListener("input", function (event) {
    var output = event.target.type === "range" && event.target.closest("label").querySelector("[data-unit]");
    if (output) output.textContent = output.dataset.unit.replace("#", event.target.value);
  });

  function headings() { return window.act.all("th:has(> .meaning)"); }
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    headings().forEach(function (heading) {
      if (heading.matches(":hover, :focus-within")) heading.classList.add("dismissed");
    });
  });
  ["mouseover", "focusin"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      headings().forEach(function (heading) { if (!heading.contains(event.target)) heading.classList.remove("dismissed"); });
    });
  });

  // Where a reader was stays where he is when the page is asked for anew; a run that was opened is read next.
  var held = null, shown = null;
  document.addEventListener("focusin", function (event) {
    var at = event.target;
    var own = at.id ? "#" + CSS.escape(at.id)
      : at.dataset.choice ? '[data-choice="' + at.dataset.choice + '"][data-value="' + at.dataset.value + '"]'
      : at.dataset.step ? '[data-step="' + at.dataset.step + '"]' : null;
    // a step to the last date is not there any more: the step back is, which leaves [ and ] working
    held = { selectors: [own, at.dataset.go && "[data-step]"].filter(Boolean), path: window.location.pathname };
  });
  new MutationObserver(function () {
    var page = document.querySelector(".page"), opened = document.querySelector("#run > .opened");
    if (page && page !== shown) {
      shown = page;
      var again = held && held.path === window.location.pathname
        && held.selectors.map(function (one) { return page.querySelector(one); }).find(Boolean);
      if (again && document.activeElement === document.body) again.focus({ preventScroll: true });
    }
    if (opened) {
      opened.classList.remove("opened");
      var heading = opened.querySelector("h2");
      if (heading) { heading.focus(); heading.scrollIntoView({ block: "nearest" }); }
    }
  }).observe(document.documentElement, { childList: true, subtree: true });

  // The page is asked for anew, with what is open and chosen, while somebody looks at it.
  setInterval(function () {
    var polled = document.querySelector("[data-poll]");
    if (!polled || document.hidden) return;
    polled.dataset.waited = Number(polled.dataset.waited || 0) + 1;
    if (Number(polled.dataset.waited) < Number(polled.dataset.poll)) return;
    polled.dataset.waited = 0;
    if (document.activeElement.closest("main input, main select, main .ag-root")) return;
    window.dash_clientside.set_props("_pages_location", { search: window.location.search });
  }, 1000);
})();
