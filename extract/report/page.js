/* The page: reads the facts and the texts in this file, shows them in one language, follows the reader's hand and clock. */

const FACTS = JSON.parse(document.getElementById("report-data").textContent);
const TEXTS = JSON.parse(document.getElementById("report-texts").textContent);
const LOCALES = { en: "en-GB", es: "es-ES" };
const RANGES = [["7", 7], ["30", 30], ["90", 90], ["365", 365], ["all", null]];
const DAY = 24 * HOUR, OLD_PAGE = 30 * HOUR;
const BUILD = "dbt build", RUN = "make run", REPORT = "make report";

/** Words, numbers and times in one language. */
class Words {
  constructor(language) {
    this.language = language;
    this.locale = LOCALES[language];
    this.plurals = new Intl.PluralRules(this.locale);
    this.formats = new Map();
    const time = (zone, more) => new Intl.DateTimeFormat(this.locale, { timeZone: zone, ...more });
    const minute = { year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    this.utcTime = time("UTC", minute);
    this.madridTime = time("Europe/Madrid", { weekday: "short", day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.weekdayTime = time("UTC", { weekday: "short", year: "numeric", month: "short", day: "numeric" });
    this.dayNames = [0, 1, 2, 3, 4, 5, 6].map((n) => ["long", "short"].map((weekday) => time("UTC", { weekday }).format(Date.UTC(2024, 0, 1 + n))));
    this.monthNames = Array.from({ length: 12 }, (_, n) => ["short", "narrow"].map((month) => time("UTC", { month }).format(Date.UTC(2024, n, 1))));
  }

  has(key) { return key in TEXTS[this.language]; }

  text(key, values = {}) {
    const texts = TEXTS[this.language];
    const chosen = key in texts ? key : `${key}_${this.plurals.select(values.n) === "one" ? "one" : "other"}`;
    return texts[chosen].replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === "number" ? this.number(value) : value;
    });
  }

  /** A finding by its code, how many periods it is about and how much. */
  finding([code, periods, number]) {
    const key = `finding.${code}`;
    return this.has(key) ? this.text(key, { periods, number: number === null ? "" : this.measure(number) }) : code;
  }

  /** What is wrong with one entry or value, without numbers. */
  code(code) { return this.has(`entry.${code}`) ? this.text(`entry.${code}`) : this.has(`suspect.${code}`) ? this.text(`suspect.${code}`) : code; }

  /** An alert of a forecast by its code, how much and by which limit. */
  alert([code, number, limit]) { return this.text(`alert.${code}`, { number: this.measure(number), limit: limit === null ? "" : this.measure(limit) }); }

  measure(number) { return this.number(number, Math.abs(number) < 10 ? 2 : 0); }

  number(value, digits = 3) {
    if (!this.formats.has(digits)) this.formats.set(digits, new Intl.NumberFormat(this.locale, { maximumFractionDigits: digits, useGrouping: true }));
    return this.minus(this.formats.get(digits).format(value));
  }

  percent(share) {
    // Never rounded up to a whole that it is not.
    const floor = share < 1 ? Math.min(share, 0.9999) : 1;
    return new Intl.NumberFormat(this.locale, { style: "percent", maximumFractionDigits: 2 }).format(floor);
  }

  minus(text) { return text.replace("-", "−"); }
  signed(value, digits = 1) { return this.minus(new Intl.NumberFormat(this.locale, { maximumFractionDigits: digits, signDisplay: "exceptZero" }).format(value)); }
  instant(ms) { return this.utcTime.format(ms); }
  both(ms) { return `${this.utcTime.format(ms)} UTC · Madrid ${this.madridTime.format(ms)}`; }
  weekday(ms) { return this.weekdayTime.format(ms); }
  day(n, short = false) { return this.dayNames[n][short ? 1 : 0]; }
  month(n, narrow = false) { return this.monthNames[n][narrow ? 1 : 0]; }

  length(ms) {
    const minutes = Math.max(0, Math.floor(ms / 60000));
    if (minutes < 120) return this.text("length.minutes", { n: minutes });
    if (minutes < 48 * 60) return this.text("length.hours", { n: Math.floor(minutes / 60) });
    return this.text("length.days", { n: Math.floor(minutes / 1440) });
  }
}

/* ---- elements ---- */
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; texts become text nodes, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Put a sentence into an element, a {command} in it as code. */
function say(element, words, key, values = {}) {
  const parts = words.text(key, { ...values, command: "\u0000" }).split("\u0000");
  element.replaceChildren();
  parts.forEach((part, n) => element.append(...(n ? [make("code", {}, values.command)] : []), part));
}

/** A table: `columns` are [title, class], `rows` lists of texts or nodes; the first cell heads its row. */
function table(caption, columns, rows) {
  return make("table", {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...columns.map(([title, kind]) => make("th", { scope: "col", class: kind }, title)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, n) =>
      make(n ? "td" : "th", { class: columns[n][1], scope: n ? null : "row" }, cell))))));
}

/** Show a table in its scrolling box, which the keyboard can reach. */
function show(id, element) {
  const box = byId(id);
  box.replaceChildren(...(element ? [element] : []));
  if (element) {
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", element.querySelector("caption").textContent);
  }
}

const utc = (text) => text === null ? "" : text.slice(0, 16).replace("T", " ");
const seconds = (text) => text === null ? "" : text.slice(0, 19).replace("T", " ");

/* ---- Madrid days ---- */
const MADRID = new Intl.DateTimeFormat("en-CA", { timeZone: "Europe/Madrid", year: "numeric", month: "2-digit", day: "2-digit" });
const MADRID_HOUR = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Madrid", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const MADRID_OFFSET = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Madrid", timeZoneName: "longOffset" });
const madridDay = (ms) => MADRID.format(ms);
const nextDay = (day, n = 1) => new Date(Date.parse(`${day}T00:00:00Z`) + n * DAY).toISOString().slice(0, 10);
const offsetOf = (ms) => MADRID_OFFSET.format(ms).split("GMT")[1];

/** Midnight of a Madrid day (ms). */
function midnight(day) {
  const around = Date.parse(`${day}T00:00:00Z`);
  for (let at = around - 3 * HOUR; at < around + HOUR; at += HOUR) if (madridDay(at) === day) return at;
  return around;
}

/** The starts (ms) of the periods of a Madrid day, as long as those of the series are then: 23, 24 or 25 hours, or 92 quarters … */
function periodsOfDay(day, series) {
  const first = midnight(day), end = midnight(nextDay(day)), length = series.lengthAt(first);
  const periods = [];
  for (let at = first; at < end; at += Math.min(length, end - first)) periods.push(at);
  return periods;
}

/** Let the browser show what is there already: the state before the first chart, each chart before the next. */
const pause = () => new Promise((resolve) => setTimeout(resolve));

/* ---- the page ---- */
let drawnAfter = 0; // ms from opening the file to the last chart

const page = {
  words: null, charts: null, series: FACTS.series.map((facts) => new Series(facts)), chosen: 0, judged: 0, actualSeries: new Map(), view: null, turn: 0, period: null, range: document.documentElement.clientWidth < 600 ? "7" : "30", day: null, busy: false,

  get one() { return this.series[this.chosen] || null; },
  /** Whether facts are about the chosen series. */
  isOf(facts) { return facts.id === this.one.id && facts.geo_id === this.one.geo_id; },

  get forecasts() { return FACTS.monitoring ? FACTS.monitoring.forecasts : []; },

  /** What came true of the chosen forecast, where it is in the unit of the curve. */
  get actual() {
    const forecast = this.forecasts[this.judged];
    const facts = forecast && this.one && this.one.is_forecast && forecast.unit === this.one.unit && FACTS.monitoring.actuals.find((one) => one.id === forecast.actual_id);
    if (!facts) return null;
    if (!this.actualSeries.has(facts.id)) this.actualSeries.set(facts.id, new Series(facts));
    return this.actualSeries.get(facts.id);
  },

  speak(language) {
    this.words = new Words(language);
    this.charts = this.charts || new Charts(this.words);
    this.charts.words = this.words;
    document.documentElement.lang = language;
    for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset.language === language));
    for (const element of document.querySelectorAll("[data-t]")) element.textContent = this.words.text(element.dataset.t);
    document.title = `${this.words.text("title")} · ESIOS`;
    try { localStorage.setItem("esios-report-language", language); } catch { /* a page from disk may have no storage */ }
    return this.fill();
  },

  async fill() {
    const turn = this.turn += 1;
    delete document.documentElement.dataset.drawn;
    this.fillHead();
    this.fillState();
    this.fillRanges();
    this.fillFaults();
    this.fillRuns();
    this.fillBuilds();
    this.fillDay();
    this.fillSaid();
    for (const draw of ["drawDemand", "drawCalendar", "drawWeek", "drawRevisions", "drawMonitoring"]) {
      await pause();
      if (turn !== this.turn) return; // another language was chosen meanwhile
      await this[draw]();
    }
    document.documentElement.dataset.drawn = this.words.language;
    drawnAfter = drawnAfter || performance.now();
  },

  fillHead() {
    const words = this.words, made = Date.parse(FACTS.generated_at_utc), age = this.now() - made;
    const first = this.one || (FACTS.landed[0] && { id: FACTS.landed[0].indicator_id, name: FACTS.landed[0].name });
    byId("subject").replaceChildren();
    if (first) {
      const [before, after] = words.text("subject", { name: "\u0000", id: String(first.id) }).split("\u0000");
      byId("subject").append(before, make("span", { lang: "es" }, first.name), after);
    }
    byId("simulated").hidden = !FACTS.simulated;
    byId("simulated").textContent = words.text("simulated");
    if (!FACTS.source) {
      byId("simulated").hidden = false;
      say(byId("simulated"), words, "nothing", { command: RUN });
    }
    const ago = age < 120000 ? words.text("ago.now") : words.text("ago", { length: words.length(age) });
    byId("age").textContent = words.text("age", { at: words.instant(made), ago, engine: FACTS.engine, source: FACTS.source || "–" });
    if (age > OLD_PAGE) {
      byId("age").append(" ");
      const old = make("strong", {});
      say(old, words, "age.old", { ago_length: words.length(age), command: REPORT });
      byId("age").append(old);
    }
    say(byId("colophon"), words, "colophon", { command: REPORT });
  },

  /** The reader's clock; never before the report was made, should that clock be wrong. */
  now() { return Math.max(Date.now(), Date.parse(FACTS.generated_at_utc)); },

  /** Freshness goes on ageing while the page is open: it is judged by the reader's clock. */
  freshVerdict() {
    const fresh = FACTS.state.fresh;
    if (!fresh.kept.length) return fresh.verdict;
    // A series without a limit is not judged.
    const judged = fresh.kept.filter((one) => one.late_after_hours !== null);
    const age = (one) => one.last_answer_utc === null ? Infinity : (this.now() - Date.parse(one.last_answer_utc)) / HOUR;
    if (judged.some((one) => age(one) > Math.max(one.late_after_hours, fresh.stale_after_hours))) return "no";
    return judged.some((one) => age(one) > one.late_after_hours) || fresh.newest_run === "failed" ? "attention" : "yes";
  },

  fillState() {
    const words = this.words, { fresh, complete, good } = FACTS.state;
    const verdicts = { fresh: this.freshVerdict(), complete: complete.verdict, good: good.verdict };
    const worse = Object.values(verdicts).filter((verdict) => !["yes", "held"].includes(verdict)).length;
    byId("state-title").textContent = worse ? words.text("state.look", { n: worse }) : words.text("state.well");
    const symbols = { yes: "✓", attention: "!", no: "✕", unknown: "?", held: "–" };
    const sentences = {
      fresh: (p) => {
        if (verdicts.fresh === "held") return say(p, words, "fresh.held", { at: words.instant(Date.parse(fresh.last_answer_utc)), command: "esios extract" });
        if (verdicts.fresh === "unknown") return say(p, words, "fresh.unknown", { command: RUN });
        const fetched = fresh.kept.filter((one) => one.last_answer_utc !== null);
        if (!fetched.length) return say(p, words, "fresh.unknown", { command: RUN });
        const oldest = fetched.reduce((one, other) => other.last_answer_utc < one.last_answer_utc ? other : one);
        const at = Date.parse(oldest.last_answer_utc);
        return say(p, words, "fresh.kept", { n: fresh.kept.length, length: words.length(this.now() - at), at: words.instant(at), late: oldest.late_after_hours === null ? "–" : oldest.late_after_hours, stale: fresh.stale_after_hours });
      },
      complete: (p) => {
        if (complete.verdict === "unknown") return say(p, words, "complete.unknown", { command: BUILD });
        if (complete.verdict === "yes") return say(p, words, "complete.yes");
        return say(p, words, "complete.no", { hours: words.text("missing_hours", { n: complete.missing_hours }), gaps: words.text("gaps", { n: complete.gaps }) });
      },
      good: (p) => {
        if (good.verdict === "unknown") return say(p, words, "good.unknown", { command: BUILD });
        const found = ["bad_days", "suspect_days", "suspect_hours", "quarantined", "withdrawn_hours"].filter((name) => good[name]);
        if (found.length) p.textContent = `${found.map((name) => words.text(name, { n: good[name] })).join(" · ")}.`;
        else say(p, words, "good.yes");
        if (FACTS.judged_days !== null) p.append(" ", words.text("judged_days", { n: FACTS.judged_days }));
        return p;
      },
    };
    byId("tiles").replaceChildren(...Object.entries(verdicts).map(([name, verdict]) => {
      const sentence = make("p", {});
      sentences[name](sentence);
      if (name === "fresh" && fresh.newest_run === "failed") sentence.append(" ", words.text("fresh.failed"), " ", make("a", { href: "#runs" }, words.text("see.runs")));
      const tile = make("div", { class: "tile", "data-verdict": verdict, id: `tile-${name}` },
        make("h3", {}, words.text(name)),
        make("p", { class: "verdict" }, make("span", { class: "symbol", "aria-hidden": "true" }, symbols[verdict]), words.text(`verdict.${verdict}`)),
        sentence);
      if (name !== "fresh" && ["no", "attention"].includes(verdict)) tile.append(make("p", {}, make("a", { href: "#faults" }, words.text("see.faults"))));
      return tile;
    }));
  },

  /* ---- the curve ---- */
  /** From the first to the last hour of the series, missing ones at its ends included (ms). */
  whole() {
    const one = this.one, missing = this.charts.periodsOf(FACTS.faults ? FACTS.faults.rows : [], one, "missing");
    const starts = [one.at[0], one.at[one.length - 1], ...missing];
    return [Math.min(...starts), Math.max(...starts) + one.lengths[one.length - 1]];
  },

  fillRanges() {
    const words = this.words, box = byId("ranges");
    const choice = byId("series-choice");
    choice.hidden = this.series.length < 2;
    byId("series").replaceChildren(...this.series.map((one, n) => make("option", { value: n, selected: n === this.chosen ? "" : null }, `${one.id} ${one.name}${one.geo_name ? ` – ${one.geo_name}` : ` – ${one.geo_id}`}`)));
    if (!this.one || !this.one.length) {
      for (const id of ["ranges", "range", "demand-note", "day", "demand-chart"]) byId(id).hidden = true;
      return say(byId("demand-lead"), words, FACTS.table ? "demand.empty" : "demand.none", { command: RUN });
    }
    byId("left-out").hidden = !FACTS.left_out.length;
    if (FACTS.left_out.length) say(byId("left-out"), words, "left_out", { n: FACTS.left_out.length, ids: FACTS.left_out.join(", "), command: "esios report --indicator ID" });
    const one = this.one;
    say(byId("demand-lead"), words, "demand.lead", {
      rows: one.rows, first: words.instant(Date.parse(one.first)), last: words.instant(Date.parse(one.last)),
      minimum: one.minimum, mean: words.number(one.mean, 1), maximum: one.maximum, unit: one.unit,
    });
    box.setAttribute("aria-label", words.text("demand.ranges"));
    const button = (label, act, pressed) => {
      const element = make("button", { type: "button", "aria-pressed": pressed }, label);
      element.addEventListener("click", act);
      return element;
    };
    box.replaceChildren(
      ...RANGES.map(([name]) => button(words.text(`range.${name}`), () => { this.range = name; this.view = null; this.fillRanges(); this.drawDemand(); }, String(this.range === name))),
      button(words.text("range.back"), () => this.move(-1)),
      button(words.text("range.on"), () => this.move(1)),
    );
    return null;
  },

  move(direction) {
    const [from, to] = this.view, span = to - from, [first, last] = this.whole();
    const start = Math.min(Math.max(from + direction * span, first), Math.max(first, last - span));
    this.view = [start, start + span];
    return this.drawDemand();
  },

  async drawDemand() {
    if (!this.one || !this.one.length) return;
    const words = this.words, [first, last] = this.whole();
    if (!this.view) {
      const days = Object.fromEntries(RANGES)[this.range];
      this.view = days === null ? [first, last] : [Math.max(first, last - days * DAY), last];
    }
    const rows = FACTS.faults ? FACTS.faults.rows : [];
    this.busy = true;
    const element = await this.charts.draw("demand-chart", ...this.charts.demand(this.one, this.actual, rows, this.view, this.whole(), Date.parse(FACTS.generated_at_utc)));
    this.busy = false;
    const exact = this.one.view(...this.view).exact;
    byId("range").textContent = `${words.text("range.shown", { from: words.instant(this.view[0]), to: words.instant(this.view[1]) })} (${words.text(exact ? "range.exact" : "range.coarse")})`;
    if (element.dataset.followed) return;
    element.dataset.followed = "yes";
    element.on("plotly_relayout", (change) => {
      if (this.busy) return;
      const range = change["xaxis.range"] || (change["xaxis.range[0]"] !== undefined ? [change["xaxis.range[0]"], change["xaxis.range[1]"]] : null);
      if (!range) return;
      const [from, to] = range.map((at) => typeof at === "number" ? at : Date.parse(`${String(at).replace(" ", "T").padEnd(10, "0")}${String(at).length > 10 ? "" : "T00:00"}Z`));
      if (!(to > from) || (from === this.view[0] && to === this.view[1])) return;
      this.view = [from, to];
      this.range = "";
      this.fillRanges();
      this.drawDemand();
    });
    element.on("plotly_doubleclick", () => { this.range = "all"; this.view = null; this.fillRanges(); this.drawDemand(); });
    element.on("plotly_click", (event) => { if (!event.points.length) return;
      this.chooseDay(madridDay(event.points[0].x));
      if (this.one.value(event.points[0].x) !== null) this.choosePeriod(event.points[0].x);
    });
  },

  /* ---- one day ---- */
  chooseDay(day) { this.day = day; this.fillDay(); },

  /** Today if the table holds all of it, else the newest whole day, else the newest. */
  firstDay() {
    const newest = madridDay(this.one.at[this.one.length - 1]), today = madridDay(Date.parse(FACTS.generated_at_utc));
    const whole = (day) => periodsOfDay(day, this.one).every((at) => this.one.value(at) !== null);
    if (whole(today)) return today;
    for (let n = 0; n < 14; n += 1) if (whole(nextDay(newest, -n))) return nextDay(newest, -n);
    return newest;
  },

  fillDay() {
    if (!this.one || !this.one.length) return;
    const words = this.words, one = this.one, actual = this.actual;
    this.day = this.day || this.firstDay();
    const input = byId("day-input");
    input.min = madridDay(one.at[0]);
    input.max = madridDay(one.at[one.length - 1]);
    input.value = this.day;
    const periods = periodsOfDay(this.day, one), there = periods.filter((at) => one.value(at) !== null), length = one.lengthAt(periods[0]);
    const figures = [[words.text("day.there"), `${words.number(there.length)} / ${words.number(periods.length)}`, ""]];
    if (there.length) {
      const values = there.map((at) => one.value(at));
      const peak = there[values.indexOf(Math.max(...values))], trough = there[values.indexOf(Math.min(...values))];
      const sum = values.reduce((total, value) => total + value, 0);
      const pairs = there.filter((at) => one.value(at - WEEK) !== null);
      const now = pairs.reduce((total, at) => total + one.value(at), 0), before = pairs.reduce((total, at) => total + one.value(at - WEEK), 0);
      figures.push(
        [words.text("day.peak"), `${words.number(one.value(peak))} ${one.unit}`, `${MADRID_HOUR.format(peak)} Madrid`],
        [words.text("day.trough"), `${words.number(one.value(trough))} ${one.unit}`, `${MADRID_HOUR.format(trough)} Madrid`],
        [words.text("day.mean"), `${words.number(sum / there.length, 1)} ${one.unit}`, ""],
      );
      if (one.unit === "MW") figures.push([words.text("day.energy"), `${words.number(sum * length / HOUR / 1000, 1)} GWh`, ""]);
      if (before) figures.push([words.text("day.before"), `${words.signed(100 * (now / before - 1))} %`, ""]);
    }
    byId("day-figures").replaceChildren(...figures.map(([name, value, more]) => make("div", {}, make("dt", {}, name), make("dd", {}, value, ...(more ? [" ", make("small", {}, more)] : [])))));
    const cell = (value) => value === null ? words.text("absent") : words.number(value);
    show("day-table", table(
      there.length ? words.text("day.caption", { day: words.weekday(Date.parse(`${this.day}T00:00:00Z`)), n: periods.length, unit: one.unit }) : words.text("day.empty"),
      [[words.text("column.hour"), "number"], [words.text("column.madrid")], [words.text("column.utc")], [words.text("column.value", { unit: one.unit }), "number"],
        ...(actual ? [[words.text("column.actual", { unit: one.unit }), "number"]] : []), [words.text("column.change"), "number"]],
      periods.map((at, n) => {
        const value = one.value(at), before = one.value(at - WEEK);
        return [String(n + 1), `${MADRID_HOUR.format(at)} ${offsetOf(at)}`, this.periodButton(at), cell(value),
          ...(actual ? [cell(actual.value(at))] : []), value !== null && before ? `${words.signed(100 * (value / before - 1))} %` : "–"];
      }),
    ));
  },

  /* ---- what was said when ---- */
  /** The start of a period; a click shows what was said of it. */
  periodButton(at) {
    const text = new Date(at).toISOString().slice(0, 16).replace("T", " ");
    if (this.one.value(at) === null) return text;
    const button = make("button", { type: "button", class: "link", "data-period": String(at) }, text);
    button.addEventListener("click", () => { this.choosePeriod(at); byId("said").scrollIntoView({ block: "nearest" }); });
    return button;
  },

  choosePeriod(at) { this.period = at; this.fillSaid(); },

  fillSaid() {
    const words = this.words, one = this.one, at = this.period;
    const versions = one && at !== null ? one.said(at) : [];
    byId("said").hidden = !one || !one.length;
    if (!versions.length) { byId("said-lead").textContent = words.text("said.choose"); show("said-table", null); return; }
    byId("said-lead").textContent = words.text("said.lead", { period: words.both(at), n: versions.length });
    show("said-table", table(words.text("said.caption", { unit: one.unit }),
      [[words.text("column.known")], [words.text("column.lead"), "number"], [words.text("column.value", { unit: one.unit }), "number"], [words.text("column.difference"), "number"]],
      versions.map(([known, value], n) => [seconds(known), words.number((at - Date.parse(known)) / HOUR, 1), words.number(value), n ? words.signed(value - versions[n - 1][1], 3) : "–"])));
  },

  /* ---- completeness ---- */
  calendarYears() {
    const found = (FACTS.calendar || []).find((calendar) => !this.one || this.isOf(calendar));
    return found ? found.years : null;
  },

  async drawCalendar() {
    const words = this.words, years = this.calendarYears();
    const empty = !years || !years.length;
    for (const id of ["completeness-chart", "completeness-legend", "completeness-numbers"]) byId(id).hidden = empty;
    if (empty) { say(byId("completeness-lead"), words, "calendar.none", { command: BUILD }); return; }
    const sum = (list) => list.reduce((total, n) => total + n, 0);
    const there = sum(years.map((year) => sum(year.there))), due = there + sum(years.map((year) => sum(year.missing)));
    byId("completeness-lead").textContent = words.text("calendar.lead", { there, due, percent: words.percent(there / due) });
    const box = (tone, symbol, key) => make("li", {}, make("span", { class: `box ${tone}`, "aria-hidden": "true" }, symbol), words.text(key));
    const legend = [box("complete", "", "calendar.complete"), box("partial", "×", "calendar.partial"), box("absent", "×", "calendar.absent"), box("paper", "", "calendar.blank")];
    if (FACTS.judged_days !== null) legend.push(box("complete", "◆", "calendar.suspect"), box("complete", "●", "calendar.bad"));
    byId("completeness-legend").replaceChildren(...legend);
    const months = (year) => Array.from({ length: 12 }, (_, month) => {
      let missing = 0, hours = 0;
      year.there.forEach((count, n) => {
        if (new Date(Date.UTC(year.year, 0, 1 + n)).getUTCMonth() !== month) return;
        missing += year.missing[n];
        hours += count + year.missing[n];
      });
      return hours ? `${words.number(missing)} / ${words.number(hours)}` : "–";
    });
    show("completeness-table", table(words.text("calendar.caption"),
      [[words.text("column.year")], ...Array.from({ length: 12 }, (_, n) => [words.month(n), "number"])],
      years.map((year) => [String(year.year), ...months(year)])));
    const element = await this.charts.draw("completeness-chart", ...this.charts.calendar(years));
    if (element.dataset.followed) return;
    element.dataset.followed = "yes";
    element.on("plotly_click", (event) => {
      const day = event.points[0] && event.points[0].customdata;
      if (!day) return;
      const middle = Date.parse(`${day}T12:00:00Z`), [first, last] = this.whole();
      this.view = [Math.max(first, middle - 3.5 * DAY), Math.min(last, middle + 3.5 * DAY)];
      this.range = "";
      this.chooseDay(day);
      this.fillRanges();
      this.drawDemand();
      byId("demand").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    });
  },

  async drawWeek() {
    const words = this.words, week = (FACTS.week || []).find((one) => this.one && this.isOf(one));
    const empty = !week || week.from === null;
    byId("week-chart").hidden = empty;
    byId("week-numbers").hidden = empty;
    if (empty) { byId("week-lead").textContent = words.text("week.none"); return; }
    byId("week-lead").textContent = words.text("week.lead", { from: words.instant(Date.parse(week.from)), to: words.instant(Date.parse(week.to)), last_from: week.last_week_from, last_to: week.last_week_to });
    const cell = (value) => value === null ? "–" : words.number(value, 1);
    show("week-table", table(words.text("week.caption", { unit: this.one.unit }),
      [[words.text("column.madrid")], ...[0, 1, 2, 3, 4, 5, 6].map((day) => [words.day(day, true), "number"])],
      Array.from({ length: 24 }, (_, hour) => [`${String(hour).padStart(2, "0")}:00`, ...[0, 1, 2, 3, 4, 5, 6].map((day) => cell(week.median[day * 24 + hour]))])));
    await this.charts.draw("week-chart", ...this.charts.week(week, this.one.unit));
  },

  async drawRevisions() {
    const words = this.words, found = (FACTS.revisions || []).find((one) => this.one && this.isOf(one));
    const empty = !found || !found.days.length;
    byId("revisions-chart").hidden = empty;
    byId("revisions-numbers").hidden = empty;
    if (empty) { say(byId("revisions-lead"), words, FACTS.revisions ? "revisions.nothing" : "revisions.none", { command: BUILD }); return; }
    const unit = this.one.unit, byMonth = found.days.length > 120;
    byId("revisions-lead").textContent = `${words.text("revisions.lead", {
      changes: words.text("revisions.changes", { n: found.changes }), hours: words.text("revisions.hours", { n: found.hours }), largest: found.largest_change, unit,
    })} (${words.text(byMonth ? "revisions.month" : "revisions.day")})`;
    const bars = new Map();
    for (const day of found.days) {
      const x = byMonth ? `${day.day.slice(0, 7)}-01` : day.day;
      const bar = bars.get(x) || { x, label: byMonth ? day.day.slice(0, 7) : day.day, hours: 0, changes: 0, sum: 0, largest: 0 };
      bar.hours += day.hours;
      bar.changes += day.changes;
      bar.sum += day.mean_change * day.changes;
      bar.largest = Math.max(bar.largest, day.largest_change);
      bar.mean = bar.sum / bar.changes;
      bars.set(x, bar);
    }
    show("revisions-table", table(words.text("revisions.caption", { unit }),
      [[words.text("column.utc")], [words.text("column.before"), "number"], [words.text("column.after"), "number"], [words.text("column.difference"), "number"], [words.text("column.received")]],
      found.largest.map((row) => [utc(row.hour), words.number(row.before), words.number(row.after), words.signed(row.after - row.before, 3), seconds(row.at)])));
    await this.charts.draw("revisions-chart", ...this.charts.revisions([...bars.values()], unit));
  },

  /* ---- forecast against actual ---- */
  async drawMonitoring() {
    const words = this.words, forecast = this.forecasts[this.judged];
    for (const id of ["monitoring-figures", "monitoring-pair", "monitoring-numbers"]) byId(id).hidden = !forecast;
    byId("forecast-choice").hidden = this.forecasts.length < 2;
    byId("lead").hidden = true;
    if (!forecast) {
      say(byId("monitoring-lead"), words, FACTS.monitoring ? "monitoring.empty" : "monitoring.none", { command: FACTS.monitoring ? "esios extract --indicator 460 --indicator 1293" : BUILD });
      return;
    }
    byId("forecast").replaceChildren(...this.forecasts.map((one, n) => make("option", { value: n, selected: n === this.judged ? "" : null }, `${one.forecast} – ${one.actual_id}`)));
    const days = forecast.newest_days, newest = days[0], unit = forecast.unit;
    const [before, after] = words.text("monitoring.lead", { forecast: forecast.forecast, id: String(forecast.actual_id), name: "\u0000", n: forecast.days.madrid_day.length, first: forecast.days.madrid_day[0], last: newest.madrid_day }).split("\u0000");
    byId("monitoring-lead").replaceChildren(before, make("span", { lang: "es" }, forecast.actual_name), after);
    const value = (number) => number === null ? "–" : `${words.number(number, 1)} ${unit}`;
    const share = (number) => number === null ? "–" : `${words.number(100 * number, 1)} %`;
    const level = (day) => words.has(`level.${day.alert_level}`) ? words.text(`level.${day.alert_level}`) : day.alert_level;
    const figures = [
      [words.text("column.state"), level(newest), newest.madrid_day], ["MAE", value(newest.mae), ""], ["MAPE", share(newest.mape), ""], [words.text("column.bias"), value(newest.bias), ""],
      [words.text("column.skill"), newest.skill_28_days === null ? "–" : words.number(newest.skill_28_days, 2), words.text("monitoring.skill")],
      [words.text("column.coverage"), share(newest.coverage), ""], [words.text("column.drift"), newest.input_psi === null ? "–" : words.number(newest.input_psi, 2), "PSI"],
    ];
    byId("monitoring-figures").replaceChildren(...figures.map(([name, text, more]) => make("div", {}, make("dt", {}, name), make("dd", {}, text, ...(more ? [" ", make("small", {}, more)] : [])))));
    const columns = ["day", "state", "mae", "rmse", "mape", "smape", "bias", "coverage", "skill", "details"];
    const numbers = new Set(["mae", "rmse", "mape", "smape", "bias", "coverage", "skill"]);
    const reasons = (day) => day.alerts.map((alert) => words.alert(alert)).join(" · ");
    show("monitoring-table", table(words.text("monitoring.caption", { n: days.length, unit }), columns.map((name) => [words.text(`column.${name}`), numbers.has(name) ? "number" : name === "details" ? "wide" : null]),
      days.map((day) => [day.madrid_day, level(day), ...["mae", "rmse"].map((name) => day[name] === null ? "–" : words.number(day[name], 1)), share(day.mape), share(day.smape),
        day.bias === null ? "–" : words.number(day.bias, 1), share(day.coverage), day.skill === null ? "–" : words.number(day.skill, 2), reasons(day)])));
    await this.charts.draw("monitoring-chart", ...this.charts.accuracy(forecast));
    await this.charts.draw("monitoring-hours-chart", ...this.charts.accuracyByHour(forecast));
    byId("lead").hidden = !forecast.by_lead.length;
    if (!forecast.by_lead.length) return;
    show("lead-table", table(words.text("lead.caption", { unit }), ["lead_days", "predictions", "mae", "rmse", "bias"].map((name) => [words.text(`column.${name}`), "number"]),
      forecast.by_lead.map((row) => [words.number(row.lead_days), words.number(row.predictions), ...["mae", "rmse", "bias"].map((name) => row[name] === null ? "–" : words.number(row[name], 1))])));
    await this.charts.draw("lead-chart", ...this.charts.accuracyByLead(forecast));
  },

  /* ---- tables ---- */
  fillFaults() {
    const words = this.words, faults = FACTS.faults;
    if (!faults || !faults.count) {
      show("faults-table", null);
      return say(byId("faults-lead"), words, faults ? "faults.none" : "faults.unbuilt", { command: BUILD });
    }
    const lead = byId("faults-lead");
    lead.textContent = words.text("faults.lead", { n: faults.count });
    if (faults.rows.length < faults.count) {
      const more = make("span", {});
      say(more, words, "faults.cut", { n: faults.rows.length, command: "esios status" });
      lead.append(" ", more);
    }
    const unitOf = (id) => (FACTS.series.find((one) => one.id === id) || { unit: "" }).unit;
    const hours = (row) => row.kind === "day" ? "" : words.number(row.seconds ? row.periods * row.seconds / 3600 : row.periods, 2);
    const values = (row) => row.lowest === null ? "" : `${words.number(row.lowest)}${row.highest === row.lowest ? "" : ` … ${words.number(row.highest)}`} ${unitOf(row.id)}`;
    const reasons = (row) => row.findings.map((found) => row.kind === "day" ? words.finding(found) : words.code(found[0])).join(" · ");
    const detail = (row) => {
      if (row.kind === "missing") return words.text("detail.missing");
      if (row.kind === "withdrawn") return words.text("detail.withdrawn", { values: values(row) });
      return [values(row), reasons(row), row.text || ""].filter(Boolean).join(" · ");
    };
    const columns = ["kind", "indicator", "area", "first_utc", "last_utc", "first_madrid", "last_madrid", "hours", "detail"];
    const kinds = { first_utc: "time", last_utc: "time", first_madrid: "time", last_madrid: "time", hours: "number", detail: "wide" };
    return show("faults-table", table(words.text("faults.caption"), columns.map((name) => [words.text(`column.${name}`), kinds[name]]),
      faults.rows.map((row) => [words.text(`kind.${row.kind}`), String(row.id), row.geo_id === null ? "–" : String(row.geo_id), utc(row.first_utc), utc(row.last_utc), row.first_madrid || "", row.last_madrid || "", hours(row), detail(row)])));
  },

  fillRuns() {
    const words = this.words, runs = FACTS.runs;
    if (!runs || !runs.length) { show("runs-table", null); return say(byId("runs-lead"), words, "runs.none", { command: RUN }); }
    byId("runs-lead").textContent = words.text("runs.lead", { n: runs.length });
    const lasted = (run) => run.finished_at_utc === null ? "–" : `${words.number((Date.parse(run.finished_at_utc) - Date.parse(run.started_at_utc)) / 1000, 0)} s`;
    const asked = (run) => run.requested_end === null ? words.text("asked.kept") : `${run.requested_start} … ${run.requested_end}`;
    const columns = ["started", "indicator", "asked", "status", "lasted", "windows", "requests", "retries", "landed", "bytes", "error"];
    const kinds = { lasted: "number", windows: "number", requests: "number", retries: "number", landed: "number", bytes: "number", error: "wide" };
    return show("runs-table", table(words.text("runs.caption"), columns.map((name) => [words.text(`column.${name}`), kinds[name]]),
      runs.map((run) => [seconds(run.started_at_utc), run.indicator_id === null ? words.text("several") : String(run.indicator_id), asked(run),
        words.has(`status.${run.status}`) ? words.text(`status.${run.status}`) : run.status, lasted(run), words.number(run.windows), words.number(run.requests), words.number(run.retries),
        words.number(run.responses_landed), `${words.number(run.bytes_received / 1000, 0)} kB`, make("span", { lang: "en" }, run.error || "")])));
  },

  fillBuilds() {
    const words = this.words, builds = FACTS.builds;
    if (!builds || !builds.length) { show("builds-table", null); return say(byId("builds-lead"), words, "builds.none", { command: BUILD }); }
    byId("builds-lead").textContent = words.text("builds.lead", { n: builds.length });
    const columns = ["started", "command", "status", "models", "passed", "warned", "broken", "lasted", "details"];
    const kinds = { models: "number", passed: "number", warned: "number", broken: "number", lasted: "number", details: "wide" };
    return show("builds-table", table(words.text("builds.caption"), columns.map((name) => [words.text(`column.${name}`), kinds[name]]),
      builds.map((build) => [seconds(build.started_at_utc), `dbt ${build.command}`, words.text(build.broken ? "status.failed" : build.warned ? "status.warned" : "status.succeeded"),
        words.number(build.models), words.number(build.passed), words.number(build.warned), words.number(build.broken), `${words.number(build.seconds, 1)} s`,
        make("span", { lang: "en" }, build.named.join(", "))])));
  },
};


/* ---- the reader ---- */
for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", () => page.speak(button.dataset.language));
byId("day-input").addEventListener("change", (event) => { if (event.target.value) page.chooseDay(event.target.value); });
byId("series").addEventListener("change", (event) => { page.chosen = Number(event.target.value); page.view = null; page.day = null; page.period = null; page.fill(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.fill());
setInterval(() => { page.fillHead(); page.fillState(); }, 60000);

byId("forecast").addEventListener("change", (event) => { page.judged = Number(event.target.value); page.fill(); });

/* Paper has its own width and light colours; every table is open on it. */
let opened = [];
addEventListener("beforeprint", () => {
  document.documentElement.dataset.print = "yes";
  opened = [...document.querySelectorAll("details:not([open])")].filter((one) => !["week-numbers", "day-hours"].includes(one.id));
  for (const one of opened) one.open = true;
  page.charts.paperWidth = 690;
  page.fill();
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.print;
  for (const one of opened) one.open = false;
  page.charts.paperWidth = null;
  page.fill();
});

function firstLanguage() {
  const asked = new URLSearchParams(location.search).get("lang") || location.hash.replace("#", "");
  if (asked in TEXTS) return asked;
  try {
    const kept = localStorage.getItem("esios-report-language");
    if (kept in TEXTS) return kept;
  } catch { /* no storage: go by the browser */ }
  return (navigator.language || "en").toLowerCase().startsWith("es") ? "es" : "en";
}
page.speak(firstLanguage());
