"use strict";
/* The periods of one series: exact values by their start, and as many points of them as a view can show. No DOM. */

const HOUR = 3600000;

class Series {
  /** `coded.runs`: [first start in s since 1970, count, seconds a period] of adjoining periods; `coded.values`: float64, base64. */
  constructor(facts) {
    const { said, ...rest } = facts;
    Object.assign(this, rest);
    this.revised = said || {};
    const text = atob(facts.periods.values);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    this.values = new Float64Array(bytes.buffer);
    this.at = new Float64Array(this.values.length);
    this.lengths = new Float64Array(this.values.length);
    let next = 0;
    for (const [first, count, seconds] of facts.periods.runs) {
      for (let i = 0; i < count; i += 1) {
        this.at[next + i] = (first + i * seconds) * 1000;
        this.lengths[next + i] = seconds * 1000;
      }
      next += count;
    }
  }

  get length() { return this.at.length; }

  /** Index of the first period that does not start before `ms`. */
  index(ms) {
    let low = 0, high = this.at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle] < ms) low = middle + 1; else high = middle;
    }
    return low;
  }

  /** The value of the period that starts at `ms`, null where there is none. */
  value(ms) {
    const i = this.index(ms);
    return this.at[i] === ms && !Number.isNaN(this.values[i]) ? this.values[i] : null;
  }

  /** How long periods are around `ms`. */
  lengthAt(ms) {
    if (!this.length) return HOUR;
    return this.lengths[Math.min(this.index(ms), this.length - 1)];
  }

  /** The versions of the period that starts at `ms`: [[instant, value], …], the oldest first. */
  said(ms) {
    const i = this.index(ms);
    if (this.at[i] !== ms) return [];
    const versions = this.revised[String(ms / 1000)];
    if (versions) return versions;
    let before = 0;
    for (const [count, instant] of this.known || []) {
      before += count;
      if (i < before) return [[instant, this.values[i]]];
    }
    return [];
  }

  /** Points of the indices [from, to): each period if they are few; else of each stretch its lowest and highest. */
  points(from, to, budget) {
    const x = [], y = [];
    const step = Math.max(1, Math.ceil((to - from) / budget));
    let last = from - 1;
    const holed = (i, j) => { for (let k = i; k < j; k += 1) if (this.at[k] + this.lengths[k] !== this.at[k + 1]) return this.at[k] + this.lengths[k]; return null; };
    const push = (i) => {
      // A period between the last point and this one has no entry: a hole, over which no line may be drawn.
      const hole = last >= 0 ? holed(last, i) : null;
      if (hole !== null) { x.push(hole); y.push(null); }
      x.push(this.at[i]);
      y.push(Number.isNaN(this.values[i]) ? null : this.values[i]);
      last = i;
    };
    for (let i = from; i < to; i += step) {
      const end = Math.min(i + step, to);
      let low = i, high = i;
      for (let k = i + 1; k < end; k += 1) {
        if (this.values[k] < this.values[low]) low = k;
        if (this.values[k] > this.values[high]) high = k;
      }
      push(Math.min(low, high));
      if (low !== high) push(Math.max(low, high));
    }
    return { x, y };
  }

  /** The points for a view of [from, to] (ms): fine inside, coarse outside, so that slider and view share one trace. */
  view(from, to) {
    const first = this.index(from - 24 * HOUR), last = this.index(to + 25 * HOUR);
    const inside = last - first;
    const parts = [
      this.points(0, first, 600), this.points(first, last, inside <= 4500 ? inside : 1500), this.points(last, this.length, 600),
    ];
    return { x: parts.flatMap((part) => part.x), y: parts.flatMap((part) => part.y), exact: inside <= 4500 };
  }

  /** Lowest and highest value in [from, to] (ms), null where there is none. */
  extent(from, to) {
    let low = Infinity, high = -Infinity;
    for (let i = this.index(from); i < this.length && this.at[i] <= to; i += 1) {
      if (this.values[i] < low) low = this.values[i];
      if (this.values[i] > high) high = this.values[i];
    }
    return low <= high ? [low, high] : null;
  }
}
