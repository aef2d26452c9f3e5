// Charts: figures of the page drawn by Plotly in the theme's colours. Plotly is loaded when the first is seen.
(function () {
  "use strict";
  var CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false, showAxisDragHandles: false };
  var loading = null;

  function plotly(address) {
    loading = loading || new Promise(function (done, failed) {
      var script = document.createElement("script");
      script.src = address;
      script.onload = function () { done(window.Plotly); };
      script.onerror = failed;
      document.head.append(script);
    });
    return loading;
  }
  function painted(value, style) {
    if (typeof value === "string") {
      return value.replace(/var\((--[\w-]+)\)/g, function (_, name) { return style.getPropertyValue(name).trim(); });
    }
    if (Array.isArray(value)) return value.map(function (one) { return painted(one, style); });
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(function (pair) { return [pair[0], painted(pair[1], style)]; }));
    }
    return value;
  }
  function merged(base, more) {
    var result = Object.assign({}, base);
    Object.keys(more).forEach(function (key) {
      var both = base[key] && typeof base[key] === "object" && more[key] && typeof more[key] === "object" && !Array.isArray(more[key]);
      result[key] = both ? merged(base[key], more[key]) : more[key];
    });
    return result;
  }
  function quiet() {
    var axis = { color: "var(--mute)", gridcolor: "var(--line)", zeroline: false, fixedrange: true, automargin: false, tickfont: { size: 11 } };
    return {
      autosize: true, margin: { l: 8, r: 52, t: 8, b: 24 }, showlegend: false, dragmode: false, hovermode: "x unified",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", separators: ".,",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: "var(--ink)" },
      hoverlabel: { bgcolor: "var(--panel)", bordercolor: "var(--line)", font: { size: 12, color: "var(--ink)" } },
      xaxis: merged(axis, { showgrid: false, tickformat: "%m-%d", hoverformat: "%Y-%m-%d", nticks: 7 }),
      yaxis: merged(axis, { side: "right", nticks: 6 })
    };
  }
  // A chosen point is large; a chosen line is thick, in the accent's colour, above the others, and named at its end.
  function highlighted(data, name) {
    if (!name) return data;
    var chosen = data.filter(function (trace) { return trace.name === name; }).map(function (trace) {
      if (trace.marker) return merged(trace, { marker: { size: 13, color: "var(--accent)" }, textfont: { color: "var(--accent)" } });
      var last = trace.y.reduce(function (found, value, place) { return value === null ? found : place; }, -1);
      return merged(trace, {
        line: { width: 2.4, color: "var(--accent)" }, mode: "lines+text", textposition: "middle right", cliponaxis: false,
        text: trace.y.map(function (_, place) { return place === last ? trace.name : ""; }),
        textfont: { color: "var(--accent)", size: 12 }, hoverinfo: "all"
      });
    });
    return data.filter(function (trace) { return trace.name !== name; }).concat(chosen);
  }
  function draw(plot) {
    if (!plot.offsetWidth) return;  // in a closed part: drawn when it opens
    plot.dataset.drawn = "yes";
    plotly(plot.dataset.plotly).then(function (Plotly) {
      if (!plot.isConnected || !plot.offsetWidth) return;
      var figure = JSON.parse(plot.dataset.figure);
      var style = getComputedStyle(document.documentElement);
      var chosen = plot.dataset.highlight ? window.act.valueOf(plot.dataset.highlight) : "";
      Plotly.react(plot, painted(highlighted(figure.data, chosen), style), painted(merged(quiet(), figure.layout), style), CONFIG);
    });
  }
  function plots() { return window.act.all(".plot"); }

  window.actCharts = {
    arrived: function () { plots().filter(function (plot) { return !plot.dataset.drawn; }).forEach(draw); },
    chosen: function (name) {
      plots().filter(function (plot) { return !plot.dataset.drawn || plot.dataset.highlight === name; }).forEach(draw);
    }
  };
  new MutationObserver(function () { plots().forEach(draw); })
    .observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
})();
