// What AG Grid is told in JavaScript: theme, heights, cells. Texts come from the server, in row.shown.
(function () {
  "use strict";
  var PHONE = window.matchMedia("(max-width: 575.98px)");
  var functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  var components = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  var KO = {
    noRowsToShow: "조건에 맞는 행이 없습니다", noMatchingRows: "조건에 맞는 행이 없습니다", filterOoo: "필터…", equals: "같음",
    notEqual: "같지 않음", blank: "비어 있음", notBlank: "비어 있지 않음", empty: "하나 고르기", lessThan: "보다 작음",
    greaterThan: "보다 큼", lessThanOrEqual: "이하", greaterThanOrEqual: "이상", inRange: "사이", inRangeStart: "부터",
    inRangeEnd: "까지", contains: "포함", notContains: "포함하지 않음", startsWith: "로 시작", endsWith: "로 끝남",
    andCondition: "그리고", orCondition: "또는", ariaColumnFiltered: "필터 적용됨", ariaFilterMenuOpen: "필터 메뉴 열기",
    ariaFilterValue: "필터 값", ariaFilteringOperator: "필터 연산", ariaSortableColumn: "Enter로 정렬",
    ariaLabelColumnFilter: "열 필터", ariaFilterMenuOpenColumn: "필터 메뉴 열기", loadingOoo: "불러오는 중…"
  };

  function element(name, properties) {
    return window.React.createElement.apply(null, arguments);
  }

  functions.actTheme = function (theme) {
    return theme.withParams({
      backgroundColor: "var(--panel)", foregroundColor: "var(--ink)", browserColorScheme: "inherit",
      headerBackgroundColor: "var(--sub)", headerTextColor: "var(--mute)", headerFontWeight: 500, headerFontSize: 12,
      borderColor: "var(--line)", rowBorder: { color: "var(--line)" }, columnBorder: false, wrapperBorder: false,
      wrapperBorderRadius: 0, borderRadius: 3, fontFamily: "inherit", fontSize: 13, cellHorizontalPadding: 8,
      rowHoverColor: "var(--hover)", selectedRowBackgroundColor: "transparent", accentColor: "var(--accent)",
      headerColumnResizeHandleColor: "transparent", iconSize: 12, tooltipBackgroundColor: "var(--panel)"
    });
  };
  functions.actRowHeight = function () { return PHONE.matches ? 44 : 28; };
  functions.actLocale = function (params, lang) { return (lang === "ko" && KO[params.key]) || params.defaultValue; };
  functions.actNullsLast = function (one, other, oneNode, otherNode, isDescending) {
    if (one === other) return 0;
    if (one === null || one === undefined) return isDescending ? -1 : 1;
    if (other === null || other === undefined) return isDescending ? 1 : -1;
    return one - other;
  };
  functions.actLeave = function () { return false; };  // Tab enters a table once and leaves it once
  functions.actShown = function (params) {
    var shown = params.data && params.data.shown;
    if (shown && params.colDef.field in shown) return shown[params.colDef.field];
    return params.value === null || params.value === undefined ? "" : params.value;
  };

  components.ActChange = function (params) {
    var text = functions.actShown(params);
    var way = (params.data.way || {})[params.colDef.field] || "";
    var missing = text === "–" ? { title: params.data.missing, "aria-label": params.data.missing } : {};
    return element("span", Object.assign({ className: "signed " + way }, missing),
      element("span", { className: "arrow", "aria-hidden": "true" }, { up: "▲", down: "▼" }[way] || ""), text);
  };
  components.ActWeight = function (params) {
    var text = functions.actShown(params);
    if (params.data.kind) return element("span", null, text);
    var width = Math.max(100 * params.value / params.largest, 0);
    return element("span", { className: "weight" },
      element("span", { className: "track", "aria-hidden": "true" },
        element("span", { className: "bar", style: { width: width + "%" } })),
      element("span", null, text));
  };
  components.ActName = function (params) {
    var row = params.data;
    return element("span", { className: "two-lines" },
      element("span", { className: "first" }, params.value,
        row.new ? element("span", { className: "new" }, row.new) : null,
        row.benchmark ? element("span", { className: "kind" }, row.benchmark) : null),
      row.ticker ? element("span", { className: "second", "aria-hidden": "true" }, row.ticker) : null);
  };
  components.ActMarks = function (params) {
    return element("span", { className: "marks" }, params.data.marks.map(function (mark) {
      return element("span", { key: mark.label, className: mark.state, title: mark.label, role: "img",
        "aria-label": mark.label }, mark.glyph);
    }));
  };

  // On a phone a table keeps the columns its box names.
  function fit(box) {
    if (!box.offsetWidth) return;  // in a closed tab: fitted when it opens
    var kept = box.dataset.phoneColumns.split(",");
    window.dash_ag_grid.getApiAsync(box.dataset.grid).then(function (api) {
      if (api.isDestroyed()) return;
      var hidden = api.getColumns().map(function (column) { return column.getColId(); })
        .filter(function (name) { return !kept.includes(name); });
      if (!PHONE.matches && !box.dataset.fitted) return;
      box.dataset.fitted = "yes";
      api.setColumnsVisible(hidden, !PHONE.matches);
      api.resetRowHeights();
      api.sizeColumnsToFit();
    });
  }
  window.actFitGrids = function () { document.querySelectorAll("[data-phone-columns]").forEach(fit); };
  PHONE.addEventListener("change", window.actFitGrids);
})();
