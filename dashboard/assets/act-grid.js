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
  var EN = { noRowsToShow: "No row matches", noMatchingRows: "No row matches" };

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
  functions.actLocale = function (params, lang) { return (lang === "ko" ? KO : EN)[params.key] || params.defaultValue; };
  functions.actNullsLast = function (one, other, oneNode, otherNode, isDescending) {
    if (one === other) return 0;
    if (one === null || one === undefined) return isDescending ? -1 : 1;
    if (other === null || other === undefined) return isDescending ? 1 : -1;
    return one - other;
  };
  functions.actIsChosen = function (params, choice, field) {
    return Boolean(params.data && params.data[field]) && params.data[field] === window.act.valueOf(choice);
  };
  functions.actLeave = function () { return false; };  // Tab enters a table once and leaves it once
  functions.actShown = function (params) {
    var shown = (params.data && params.data.shown) || {};
    var id = params.column.getColId(), field = params.colDef.field;
    if (id in shown) return shown[id];
    if (field in shown) return shown[field];
    return params.value === null || params.value === undefined ? "" : params.value;
  };

  // A value that is missing says why: row.why, of the column or of its field.
  function missing(params, text) {
    var why = params.data.why || {};
    var said = text === "–" && (why[params.column.getColId()] || why[params.colDef.field]);
    return said ? { title: said, role: "note", "aria-label": said } : {};
  }
  components.ActFigure = function (params) {
    var text = functions.actShown(params);
    return element("span", missing(params, text), text);
  };
  components.ActChange = function (params) {
    var text = functions.actShown(params);
    var way = (params.data.way || {})[params.colDef.field] || "";
    return element("span", Object.assign({ className: "signed " + way }, missing(params, text)),
      element("span", { className: "arrow", "aria-hidden": "true" }, { up: "▲", down: "▼" }[way] || ""), text);
  };
  components.ActWeight = function (params) {
    var text = functions.actShown(params);
    if (params.node.rowPinned) return element("span", null, text);
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
      row.ticker ? element("span", { className: "second", "aria-hidden": "true" },
        [row.ticker, row.benchmark].filter(Boolean).join(" · ")) : null);
  };
  // A line without axes; the dotted one is 100, SPY.
  components.ActSparkline = function (params) {
    var values = params.value || [], WIDTH = 128, HEIGHT = 20;
    var known = values.filter(function (value) { return value !== null; });
    if (known.length < 2) return element("span", Object.assign({ className: "mute" }, missing(params, "–")), "–");
    var low = Math.min.apply(null, known.concat(100)), high = Math.max.apply(null, known.concat(100));
    function y(value) { return (1 + (HEIGHT - 2) * (high - value) / (high - low || 1)).toFixed(1); }
    var isGap = true;
    var path = values.map(function (value, place) {
      if (value === null) { isGap = true; return ""; }
      var step = (isGap ? "M" : "L") + (WIDTH * place / (values.length - 1)).toFixed(1) + " " + y(value);
      isGap = false;
      return step;
    }).join("");
    return element("svg", { width: WIDTH, height: HEIGHT, className: "sparkline", "aria-hidden": "true" },
      element("line", { x1: 0, x2: WIDTH, y1: y(100), y2: y(100), className: "base" }),
      element("path", { d: path, className: "line" }));
  };
  components.ActMarks = function (params) {
    if (params.data.base) return element("span", null, params.data.base);
    return element("span", { className: "marks" }, params.data.marks.map(function (mark) {
      return element("span", { key: mark.label, className: mark.state, title: mark.label, role: "img",
        "aria-label": mark.label }, mark.glyph);
    }));
  };

  // -- columns, rows and words of a table follow the page's choices --
  function gridOf(box) { return window.dash_ag_grid.getApiAsync(box.dataset.grid); }
  function fieldOf(column) { return column.getColId().split("@")[0]; }
  function boxes() { return window.act.all("[data-grid]"); }
  // A table without a row is a sentence: what names it has no box.
  function boxOf(grid) { return boxes().find(function (one) { return one.dataset.grid === grid; }); }
  function searchesOf(box) { return window.act.all('[data-searches="' + box.dataset.grid + '"] input'); }

  // "return_5d@period=5": the column is of one value of a choice
  function isMeant(column) {
    var only = (column.getColId().split("@")[1] || "").split("=");
    return !only[0] || window.act.valueOf(only[0]) === only[1];
  }
  // An entry of the columns of a phone may hold for one value of a choice only: "return_5d@period=5".
  function isSeen(column, box, off) {
    var parts = column.getColId().split("@");
    if (off.includes(parts[0]) || !isMeant(column)) return false;
    if (!PHONE.matches || !box.dataset.phoneColumns || (box.dataset.on || "").split(",").includes(parts[0])) return true;
    return box.dataset.phoneColumns.split(",").some(function (kept) {
      var only = kept.split("@")[1];
      return kept.split("@")[0] === parts[0] && (!only || window.act.valueOf(only.split("=")[0]) === only.split("=")[1]);
    });
  }
  function layOut(box, api) {
    if (!box.offsetWidth) return;  // in a closed tab: laid out when it opens
    var off = (box.dataset.off || "").split(",");
    var columns = api.getColumns();
    var seen = columns.filter(function (column) { return isSeen(column, box, off); });
    var unseen = columns.filter(function (column) { return !seen.includes(column); });
    follow(api, unseen, seen);
    var wrong = columns.some(function (column) { return column.isVisible() !== seen.includes(column); });
    if (wrong) {
      api.setColumnsVisible(unseen, false);
      api.setColumnsVisible(seen, true);
    }
    if (wrong || box.dataset.phone !== String(PHONE.matches)) {
      if (box.dataset.phone !== undefined || PHONE.matches) { api.resetRowHeights(); api.sizeColumnsToFit(); }
      box.dataset.phone = String(PHONE.matches);
    }
    window.act.all('[data-of="' + box.dataset.grid + '"]').forEach(function (item) {
      item.setAttribute("aria-pressed", String(seen.some(function (column) { return fieldOf(column) === item.dataset.column; })));
    });
  }
  // The sort goes over to the column that takes another's place.
  function follow(api, unseen, seen) {
    unseen.filter(function (column) { return column.getSort(); }).forEach(function (column) {
      var heir = seen.find(function (other) { return fieldOf(other) === fieldOf(column); });
      if (heir) api.applyColumnState({ state: [{ colId: heir.getColId(), sort: column.getSort() }], defaultState: { sort: null } });
    });
  }

  // rows: each narrowing is a choice and the field that must have its value
  function narrowings(box) {
    return (box.dataset.narrow || "").split(" ").filter(Boolean).map(function (one) {
      var parts = one.split(":");
      var value = window.act.valueOf(parts[0]);
      return { choice: parts[0], field: parts[1], values: value && value !== "all" ? value.split(",") : null };
    }).filter(function (one) { return one.values; });
  }
  function passes(box, data) {
    return narrowings(box).every(function (one) { return one.values.includes(data[one.field]); });
  }
  function tellFiltered(box, api) {
    var button = document.querySelector('[data-clears="' + box.dataset.grid + '"]');
    if (button) button.hidden = !api.isAnyFilterPresent();
  }
  function orderOf(api) {
    var column = api.getColumnState().find(function (one) { return one.sort && one.sortIndex === 0; });
    return column ? column.colId.split("@")[0] + ":" + column.sort : "";
  }
  function filtersOfAddress() { return JSON.parse(window.act.valueOf("filter") || "{}"); }
  function ofColumns(filters, api, areTheirs) {
    return Object.fromEntries(Object.entries(filters).filter(function (one) { return Boolean(api.getColumn(one[0])) === areTheirs; }));
  }
  // A table that keeps the page's order tells it to the address, and the page's other tables have the same.
  function tellSorted(box, api) {
    if (!box.dataset.keepsOrder) return;
    var given = orderOf(api);
    window.act.write(window.act.address({ sort: given === box.dataset.defaultSort ? "" : given }));
    tellOthers(box);
  }
  function tellFilters(box, api) {
    if (!box.dataset.keepsOrder) return;
    var filters = Object.assign(ofColumns(filtersOfAddress(), api, false), api.getFilterModel());
    window.act.write(window.act.address({ filter: Object.keys(filters).length ? JSON.stringify(filters) : "" }));
    tellOthers(box);
  }
  function tellOthers(box) { each(function (other, its) { if (other !== box) obey(other, its); }); }
  function obey(box, api) {
    if (!box.dataset.keepsOrder) return;
    var wanted = window.act.valueOf("sort").split(":");
    function found() {
      return api.getColumns().find(function (column) { return fieldOf(column) === wanted[0] && isMeant(column); });
    }
    if (!found()) wanted = box.dataset.defaultSort.split(":");
    if (orderOf(api) !== wanted.join(":")) {
      var state = found() ? [{ colId: found().getColId(), sort: wanted[1] }] : [];
      api.applyColumnState({ state: state, defaultState: { sort: null } });
    }
    var filters = ofColumns(filtersOfAddress(), api, true);
    if (JSON.stringify(api.getFilterModel()) !== JSON.stringify(filters)) api.setFilterModel(filters);
  }
  function open(box, api, row) {
    var parts = box.dataset.opens.split(":");
    if (!row.data || !row.data[parts[1]]) return;
    window.act.choose(parts[0], row.data[parts[1]], true);
    var shows = PHONE.matches && document.querySelector('[data-shows="' + parts[0] + '"]');
    if (shows) shows.scrollIntoView();
  }
  function mark(box, api) {
    if (!box.dataset.opens) return;
    var parts = box.dataset.opens.split(":");
    api.forEachNode(function (row) {  // by hand: rows drawn anew would lose the focus
      window.act.all('.ag-row[row-id="' + row.id + '"]', box).forEach(function (drawn) {
        drawn.classList.toggle("chosen", functions.actIsChosen(row, parts[0], parts[1]));
      });
    });
  }

  function meet(box) {
    box.dataset.met = "yes";
    gridOf(box).then(function (api) {
      if (api.isDestroyed()) return;
      api.setGridOption("isExternalFilterPresent", function () { return narrowings(box).length > 0; });
      api.setGridOption("doesExternalFilterPass", function (row) { return passes(box, row.data); });
      searchesOf(box).forEach(function (input) {
        input.value = window.act.valueOf("q");  // may have been written before the table was there
        api.setGridOption("quickFilterText", input.value);
      });
      api.onFilterChanged();
      obey(box, api);  // order and filters, too
      tellFiltered(box, api);
      api.addEventListener("sortChanged", function (event) { if (event.source === "uiColumnSorted") tellSorted(box, api); });
      api.addEventListener("filterChanged", function (event) {
        tellFiltered(box, api);
        if (event.source === "columnFilter") tellFilters(box, api);
        if (box.offsetWidth) window.act.say(document.querySelector(".page").dataset.rows.replace("#", api.getDisplayedRowCount()));
      });
      if (box.dataset.opens) {
        api.addEventListener("cellClicked", function (event) {
          if (!String(window.getSelection())) open(box, api, event.node);
        });
        api.addEventListener("cellKeyDown", function (event) { if (event.event.key === "Enter") open(box, api, event.node); });
      }
      layOut(box, api);
      mark(box, api);
    });
  }
  function each(work) {
    boxes().forEach(function (box) { gridOf(box).then(function (api) { if (!api.isDestroyed()) work(box, api); }); });
  }

  window.actGrids = {
    arrived: function () { boxes().filter(function (box) { return !box.dataset.met; }).forEach(meet); },
    drawn: function () { return Promise.all(boxes().map(gridOf)); },
    chosen: function (name) {
      each(function (box, api) {
        layOut(box, api);
        if ((box.dataset.narrow || "").split(" ").some(function (one) { return one.split(":")[0] === name; })) api.onFilterChanged();
        if ((box.dataset.opens || "").split(":")[0] === name) mark(box, api);
      });
    },
    clear: function (grid) {
      var box = boxOf(grid);
      gridOf(box).then(function (api) {
        api.setFilterModel(null);
        tellFilters(box, api);
        search("");
        narrowings(box).forEach(function (one) { window.act.choose(one.choice, ""); });
        tellFiltered(box, api);
      });
    }
  };
  PHONE.addEventListener("change", function () { each(layOut); });

  function search(words) {
    window.act.all("[data-searches] input").forEach(function (input) { if (input.value !== words) input.value = words; });
    each(function (box, api) { if (searchesOf(box).length) api.setGridOption("quickFilterText", words); });
    window.act.write(window.act.address({ q: words }));
  }
  document.addEventListener("input", function (event) {
    if (event.target.closest("[data-searches]")) search(event.target.value);
  });
  document.addEventListener("click", function (event) {
    var item = event.target.closest("[data-column]");
    if (!item) return;
    var box = boxOf(item.dataset.of), isOff = item.getAttribute("aria-pressed") === "true";
    if (!box) return;
    ["off", "on"].forEach(function (list) {
      var names = (box.dataset[list] || "").split(",").filter(function (name) { return name && name !== item.dataset.column; });
      if ((list === "off") === isOff) names.push(item.dataset.column);
      box.dataset[list] = names.join(",");
    });
    gridOf(box).then(function (api) { layOut(box, api); });
  });
})();
