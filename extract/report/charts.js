/* Facts → Plotly figures: traces and layout, in the language and colours of the moment. Touches no element but charts. */

const WEEK = 168 * HOUR;
const SPANISH = {
  moduleType: "locale",
  name: "es",
  dictionary: { "Click to enter Colorscale title": "", trace: "serie" },
  format: {
    days: ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"],
    shortDays: ["dom", "lun", "mar", "mié", "jue", "vie", "sáb"],
    months: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    shortMonths: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    date: "%d/%m/%Y",
    decimal: ",",
    thousands: ".",
  },
};
Plotly.register(SPANISH);

/** Text for Plotly's labels, which understand some markup. */
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

class Charts {
  /** `words`: the page's Words (language, numbers, times). */
  constructor(words) { this.words = words; }

  get compact() { return document.documentElement.clientWidth < 600; }

  layout(more) {
    const ink = colour("ink"), grid = colour("grid");
    const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true, fixedrange: true };
    const { xaxis, yaxis, ...rest } = more;
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: 'system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif', size: 12, color: ink },
      margin: { l: 8, r: 8, t: 8, b: 8 },
      hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("soft"), font: { color: ink, size: 13 }, align: "left" },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      separators: this.words.language === "es" ? ",." : ".,",
      dragmode: false,
      ...(this.paperWidth ? { width: this.paperWidth } : { autosize: true }),
      ...rest,
      xaxis: { ...axis, ...xaxis },
      yaxis: { ...axis, ...yaxis },
    };
  }

  /** Draws once more into the element; resolves when it is there. */
  async draw(id, traces, layout) {
    const element = document.getElementById(id);
    const config = { responsive: !this.paperWidth, displayModeBar: false, locale: this.words.language, doubleClick: false };
    await Plotly.react(element, traces, this.layout(layout), config);
    return element;
  }

  /** The curve in view [from, to] (ms): forecast, actual where there is one, and what is wrong with them. */
  demand(series, actual, faults, view, whole, madeAt) {
    const words = this.words, unit = series.unit, traces = [];
    const line = (one, name, extra) => {
      const points = one.view(view[0], view[1]);
      traces.push({
        type: "scatter", mode: "lines", name, x: points.x, y: points.y, connectgaps: false,
        customdata: points.x.map((at, i) => points.y[i] === null ? "" : `${plain(words.both(at))}<br><b>${plain(words.number(points.y[i]))} ${plain(unit)}</b>`),
        hovertemplate: `%{customdata}<extra>${plain(name)}</extra>`, ...extra,
      });
    };
    if (actual) line(actual, words.text("actual"), { line: { color: colour("second"), width: 1.5, dash: "dot" } });
    line(series, words.text(series.is_forecast ? "forecast" : "value"), { line: { color: colour("curve"), width: 1.75 } });
    const suspect = this.periodsOf(faults, series, "suspect").filter((at) => series.value(at) !== null);
    if (suspect.length) {
      traces.push({
        type: "scatter", mode: "markers", name: words.text("suspect"), x: suspect, y: suspect.map((at) => series.value(at)),
        marker: { symbol: "diamond-open", size: 10, line: { width: 2.5 }, color: colour("mark") },
        customdata: suspect.map((at) => `${plain(words.both(at))}<br><b>${plain(words.number(series.value(at)))} ${plain(unit)}</b>`),
        hovertemplate: `%{customdata}<extra>${plain(words.text("suspect"))}</extra>`,
      });
    }
    const missing = this.periodsOf(faults, series, "missing");
    if (missing.length) {
      traces.push({
        type: "scatter", mode: "markers", name: words.text("missing"), x: missing, y: missing.map(() => 0.02), yaxis: "y2",
        marker: { symbol: "x-thin", size: 9, line: { width: 2.5, color: colour("mark") }, color: colour("mark") },
        customdata: missing.map((at) => plain(words.both(at))),
        hovertemplate: `%{customdata}<extra>${plain(words.text("missing"))}</extra>`,
      });
    }
    const extents = [series, actual].filter(Boolean).map((one) => one.extent(view[0], view[1])).filter(Boolean);
    const low = Math.min(...extents.map((one) => one[0])), high = Math.max(...extents.map((one) => one[1]));
    const pad = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
    const full = series.extent(...whole) || [0, 1];
    const inside = madeAt > whole[0] && madeAt < whole[1];
    return [traces, {
      height: this.paperWidth ? 300 : this.compact ? 380 : 460,
      hovermode: "closest", hoverdistance: 60,
      dragmode: this.paperWidth || matchMedia("(pointer: coarse)").matches ? false : "zoom",
      xaxis: {
        type: "date", range: view.slice(), autorange: false, fixedrange: false,
        rangeslider: this.paperWidth ? { visible: false } : {
          visible: true, thickness: 0.13, range: whole, autorange: false, bgcolor: colour("panel"), bordercolor: colour("line"), borderwidth: 1,
          yaxis: { rangemode: "fixed", range: full },
        },
      },
      yaxis: { title: { text: plain(unit) }, range: extents.length ? [low - pad, high + pad] : undefined, tickformat: ",d", side: "left" },
      yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
      shapes: [...this.gaps(faults, series), ...(inside ? [{ type: "line", x0: madeAt, x1: madeAt, yref: "paper", y0: 0, y1: 1, line: { color: colour("soft"), dash: "dash", width: 1.5 } }] : [])],
      annotations: inside ? [{ x: madeAt, yref: "paper", y: 1, yanchor: "top", xanchor: madeAt > (view[0] + view[1]) / 2 ? "right" : "left", text: plain(words.text("made")), showarrow: false, font: { color: colour("soft") } }] : [],
      showlegend: traces.length > 1,
    }];
  }

  /** The rows of a kind of fault that are about a series. */
  faultsOf(faults, series, kind) {
    return faults.filter((fault) => fault.kind === kind && fault.id === series.id && fault.geo_id === series.geo_id && fault.first_utc);
  }

  /** A shaded stretch for each of the newest gaps. */
  gaps(faults, series) {
    return this.faultsOf(faults, series, "missing").slice(0, 200).map((fault) => ({
      type: "rect", layer: "below", x0: Date.parse(fault.first_utc), x1: Date.parse(fault.last_utc) + fault.seconds * 1000, yref: "paper", y0: 0, y1: 1,
      fillcolor: colour("partial"), opacity: 0.25, line: { width: 0 },
    }));
  }

  /** The single periods of a kind of fault (ms), at most 3,000. */
  periodsOf(faults, series, kind) {
    const periods = [];
    for (const fault of this.faultsOf(faults, series, kind)) {
      const first = Date.parse(fault.first_utc);
      for (let i = 0; i < fault.periods && periods.length < 3000; i += 1) periods.push(first + i * fault.seconds * 1000);
    }
    return periods;
  }

  /** A block a year: columns are weeks, rows Monday to Sunday; colour and symbol say what is there. */
  calendar(years) {
    const words = this.words, rows = years.length * 8 - 1;
    const z = Array.from({ length: rows }, () => new Array(54).fill(null));
    const labels = z.map((row) => row.slice()), days = z.map((row) => row.slice());
    const symbols = { x: [], y: [], text: [], colour: [] };
    const monthAt = new Array(12).fill(null);
    years.forEach((year, block) => {
      const first = Date.UTC(year.year, 0, 1), shift = (new Date(first).getUTCDay() + 6) % 7;
      year.there.forEach((there, n) => {
        const at = first + n * 24 * HOUR, day = new Date(at).toISOString().slice(0, 10);
        const column = Math.floor((n + shift) / 7), row = block * 8 + (n + shift) % 7;
        const due = there + year.missing[n];
        if (day.endsWith("-01") && monthAt[+day.slice(5, 7) - 1] === null) monthAt[+day.slice(5, 7) - 1] = column + 0.5;
        if (!due) return;
        const verdict = year.verdicts[day];
        z[row][column] = there === due ? 1 : there ? 0.5 : 0;
        days[row][column] = day;
        labels[row][column] = plain(words.text("calendar.day", { day: words.weekday(at), there: words.number(there), due: words.number(due) }))
          + (verdict ? `<br>${plain(words.text(`calendar.${verdict}`))}` : "");
        const symbol = there < due ? "×" : verdict === "bad" ? "●" : verdict === "suspect" ? "◆" : "";
        if (symbol) { symbols.x.push(column); symbols.y.push(row); symbols.text.push(symbol); symbols.colour.push(there === 0 ? colour("paper") : there < due ? "#16202a" : colour("ink")); }
      });
    });
    const cell = this.paperWidth && years.length > 4 ? 7 : this.compact || this.paperWidth ? 9 : years.length > 4 ? 11 : 15;
    const partial = colour("partial"), absent = colour("absent"), complete = colour("complete");
    return [[
      {
        type: "heatmap", z, customdata: days, text: labels, hovertemplate: "%{text}<extra></extra>", zmin: 0, zmax: 1, xgap: 1, ygap: 1, showscale: false,
        colorscale: [[0, absent], [0.33, absent], [0.33, partial], [0.66, partial], [0.66, complete], [1, complete]],
      },
      {
        type: "scatter", mode: "text", x: symbols.x, y: symbols.y, text: symbols.text, hoverinfo: "skip", showlegend: false,
        textfont: { color: symbols.colour, size: cell > 10 ? 12 : 9 },
      },
    ], {
      height: rows * cell + 40,
      xaxis: {
        tickvals: monthAt.filter((at) => at !== null), ticktext: monthAt.map((at, month) => [at, words.month(month, this.compact)]).filter(([at]) => at !== null).map(([, text]) => text),
        side: "top", showgrid: false, zeroline: false, range: [-0.5, 53.5], tickangle: 0,
      },
      yaxis: { tickvals: years.map((_, block) => block * 8 + 3), ticktext: years.map((year) => String(year.year)), autorange: false, range: [rows - 0.5, -0.5], showgrid: false, zeroline: false },
    }];
  }

  week(week, unit) {
    const words = this.words, x = Array.from({ length: 168 }, (_, hour) => hour);
    const name = (hour) => `${words.day(Math.floor(hour / 24))} ${String(hour % 24).padStart(2, "0")}:00`;
    const labels = x.map((hour) => plain(name(hour)));
    const hover = (values, key) => values.map((value, hour) => value === null ? "" : `${labels[hour]}<br><b>${plain(words.number(value, 1))} ${plain(unit)}</b>`);
    const template = (key) => `%{customdata}<extra>${plain(words.text(key))}</extra>`;
    return [[
      { type: "scatter", mode: "lines", x, y: week.p10, line: { width: 0.75, color: colour("soft"), dash: "dot" }, showlegend: false, customdata: hover(week.p10), hovertemplate: "%{customdata}<extra>10 %</extra>" },
      { type: "scatter", mode: "lines", x, y: week.p90, line: { width: 0.75, color: colour("soft"), dash: "dot" }, fill: "tonexty", fillcolor: colour("band"), name: words.text("week.band"), customdata: hover(week.p90), hovertemplate: "%{customdata}<extra>90 %</extra>" },
      { type: "scatter", mode: "lines", x, y: week.median, line: { width: 2.5, color: colour("curve") }, name: words.text("week.median"), customdata: hover(week.median), hovertemplate: template("week.median") },
      { type: "scatter", mode: "lines+markers", x, y: week.last_week, line: { width: 1, color: colour("second") }, marker: { size: 4, symbol: "circle", color: colour("second") }, name: words.text("week.last"), customdata: hover(week.last_week), hovertemplate: template("week.last") },
    ], {
      height: this.paperWidth ? 270 : 380, hovermode: "closest", showlegend: true,
      xaxis: { tickvals: [0, 1, 2, 3, 4, 5, 6].map((day) => day * 24 + 12), ticktext: [0, 1, 2, 3, 4, 5, 6].map((day) => words.day(day, true)), range: [-1, 168], showgrid: false, tickangle: 0 },
      yaxis: { title: { text: plain(unit) }, tickformat: ",d" },
      shapes: [1, 2, 3, 4, 5, 6].map((day) => ({ type: "line", x0: day * 24 - 0.5, x1: day * 24 - 0.5, yref: "paper", y0: 0, y1: 1, line: { color: colour("line"), width: 1 } })),
    }];
  }

  /** `bars`: { x: day or month as text, mean, largest }. */
  revisions(bars, unit) {
    const words = this.words;
    const hover = (value) => bars.map((bar) => `${plain(bar.label)}<br>${plain(words.text("revisions.hours", { n: bar.hours }))}<br><b>${plain(words.number(bar[value], 1))} ${plain(unit)}</b>`);
    return [[
      { type: "bar", x: bars.map((bar) => bar.x), y: bars.map((bar) => bar.mean), name: words.text("revisions.mean"), marker: { color: colour("curve") }, customdata: hover("mean"), hovertemplate: `%{customdata}<extra>${plain(words.text("revisions.mean"))}</extra>` },
      { type: "scatter", mode: "markers", x: bars.map((bar) => bar.x), y: bars.map((bar) => bar.largest), name: words.text("revisions.most"), marker: { symbol: "triangle-up", size: 8, color: colour("second") }, customdata: hover("largest"), hovertemplate: `%{customdata}<extra>${plain(words.text("revisions.most"))}</extra>` },
    ], {
      height: this.paperWidth ? 270 : 380, hovermode: "closest", showlegend: true,
      xaxis: { type: "date" },
      yaxis: { title: { text: plain(unit) }, tickformat: ",~r", rangemode: "tozero" },
    }];
  }

  /** Day by day: error and bias; that of taking last week's value (often far larger) by a click on its name. The last half
   *  year (on a phone six weeks), the rest by dragging. */
  accuracy(forecast) {
    const words = this.words, days = forecast.days, unit = forecast.unit, x = days.madrid_day;
    const line = (name, key, style) => ({
      type: "scatter", mode: "lines", x, y: days[key], name: plain(words.text(name)), connectgaps: false, line: style,
      customdata: days[key].map((value, n) => value === null ? "" : `${plain(x[n])}<br><b>${plain(words.number(value, 1))} ${plain(unit)}</b>`),
      hovertemplate: `%{customdata}<extra>${plain(words.text(name))}</extra>`,
    });
    const odd = days.alert_level.map((level, n) => level === "ok" || days.mae[n] === null ? -1 : n).filter((n) => n >= 0);
    const last = Date.parse(x[x.length - 1]), first = Math.max(Date.parse(x[0]), last - (this.compact ? 45 : 180) * 24 * HOUR);
    return [[
      line("monitoring.mae", "mae", { color: colour("curve"), width: 2 }),
      { ...line("monitoring.persistence", "persistence_mae", { color: colour("soft"), width: 1.25, dash: "dot" }), visible: "legendonly" },
      line("monitoring.bias", "bias", { color: colour("second"), width: 1.5, dash: "dash" }),
      {
        type: "scatter", mode: "markers", x: odd.map((n) => x[n]), y: odd.map((n) => days.mae[n]), name: plain(words.text("monitoring.odd")),
        marker: { symbol: odd.map((n) => days.alert_level[n] === "alert" ? "x" : "diamond-open"), size: 8, color: colour("mark"), line: { width: 1.5, color: colour("mark") } },
        customdata: odd.map((n) => `${plain(x[n])}<br>${plain(words.has(`level.${days.alert_level[n]}`) ? words.text(`level.${days.alert_level[n]}`) : days.alert_level[n])}`),
        hovertemplate: "%{customdata}<extra></extra>",
      },
    ], {
      height: this.paperWidth ? 270 : 360, hovermode: "closest", showlegend: true,
      dragmode: this.paperWidth || matchMedia("(pointer: coarse)").matches ? false : "pan",
      xaxis: { type: "date", range: [first - 12 * HOUR, last + 12 * HOUR], fixedrange: false },
      yaxis: { title: { text: plain(unit) }, tickformat: ",~r" },
    }];
  }

  /** The newest month by hour of the Madrid day. */
  accuracyByHour(forecast) {
    const words = this.words, rows = forecast.by_hour, unit = forecast.unit, x = rows.map((row) => row.hour);
    const hover = (key) => rows.map((row) => row[key] === null ? "" : `${String(row.hour).padStart(2, "0")}:00<br><b>${plain(words.number(row[key], 1))} ${plain(unit)}</b>`);
    return [[
      { type: "bar", x, y: rows.map((row) => row.mae), name: plain(words.text("monitoring.mae")), marker: { color: colour("curve") }, customdata: hover("mae"), hovertemplate: `%{customdata}<extra>${plain(words.text("monitoring.mae"))}</extra>` },
      { type: "scatter", mode: "lines+markers", x, y: rows.map((row) => row.bias), name: plain(words.text("monitoring.bias")), line: { color: colour("second"), width: 1.5, dash: "dash" }, marker: { symbol: "triangle-up", size: 8 }, customdata: hover("bias"), hovertemplate: `%{customdata}<extra>${plain(words.text("monitoring.bias"))}</extra>` },
    ], {
      height: this.paperWidth ? 270 : 360, hovermode: "closest", showlegend: true,
      xaxis: { title: { text: plain(words.text("monitoring.hour", { month: forecast.month || "" })) }, dtick: 3, range: [-0.7, 23.7] },
      yaxis: { title: { text: plain(unit) }, tickformat: ",~r" },
    }];
  }

  /** Error by whole days ahead: the lead that each prediction had. */
  accuracyByLead(forecast) {
    const words = this.words, rows = forecast.by_lead, unit = forecast.unit, x = rows.map((row) => row.lead_days);
    const hover = (key) => rows.map((row) => row[key] === null ? "" : `${plain(words.text("lead.days", { n: row.lead_days }))}<br><b>${plain(words.number(row[key], 1))} ${plain(unit)}</b>`);
    const template = (name) => `%{customdata}<extra>${plain(name)}</extra>`;
    return [[
      { type: "bar", x, y: rows.map((row) => row.mae), name: plain(words.text("monitoring.mae")), marker: { color: colour("curve") }, customdata: hover("mae"), hovertemplate: template(words.text("monitoring.mae")) },
      { type: "scatter", mode: "lines+markers", x, y: rows.map((row) => row.rmse), name: "RMSE", line: { color: colour("soft"), width: 1.25, dash: "dot" }, marker: { size: 7 }, customdata: hover("rmse"), hovertemplate: template("RMSE") },
      { type: "scatter", mode: "lines+markers", x, y: rows.map((row) => row.bias), name: plain(words.text("monitoring.bias")), line: { color: colour("second"), width: 1.5, dash: "dash" }, marker: { symbol: "triangle-up", size: 8 }, customdata: hover("bias"), hovertemplate: template(words.text("monitoring.bias")) },
    ], {
      height: this.paperWidth ? 240 : 320, hovermode: "closest", showlegend: true,
      xaxis: { title: { text: plain(words.text("lead.axis")) }, dtick: 1 },
      yaxis: { title: { text: plain(unit) }, tickformat: ",~r" },
    }];
  }
}
