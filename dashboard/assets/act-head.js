// Before the first paint: the theme a reader chose, or the system's.
(function () {
  var root = document.documentElement;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    var chosen = root.dataset.theme;
    root.dataset.bsTheme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
  }
  window.actApplyTheme = apply;
  dark.addEventListener("change", apply);
  apply();
})();
