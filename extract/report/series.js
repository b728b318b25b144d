"use strict";
/* The hours of one series: exact values by hour, and as many points of them as a view can show. No DOM. */

const HOUR = 3600000;

class Series {
  /** `coded.runs`: [first hour since 1970, count] of consecutive hours; `coded.values`: float64, base64. */
  constructor(facts) {
    Object.assign(this, facts);
    const text = atob(facts.hours.values);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    this.values = new Float64Array(bytes.buffer);
    this.at = new Int32Array(this.values.length);
    let next = 0;
    for (const [first, count] of facts.hours.runs) {
      for (let i = 0; i < count; i += 1) this.at[next + i] = first + i;
      next += count;
    }
  }

  get length() { return this.at.length; }

  /** Index of the first hour that is not before `hour` (hours since 1970). */
  index(hour) {
    let low = 0, high = this.at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle] < hour) low = middle + 1; else high = middle;
    }
    return low;
  }

  /** The value of an hour, null where there is none. */
  value(hour) {
    const i = this.index(hour);
    return this.at[i] === hour && !Number.isNaN(this.values[i]) ? this.values[i] : null;
  }

  /** Points of the indices [from, to): each hour if they are few; else of each stretch its lowest and highest hour. */
  points(from, to, budget) {
    const x = [], y = [];
    const step = Math.max(1, Math.ceil((to - from) / budget));
    let last = from - 1;
    const push = (i) => {
      // More hours than entries since the last point: a hole, over which no line may be drawn.
      if (last >= 0 && this.at[i] - this.at[last] > i - last) { x.push((this.at[last] + 1) * HOUR); y.push(null); }
      x.push(this.at[i] * HOUR);
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
    const first = this.index(Math.floor(from / HOUR) - 24), last = this.index(Math.ceil(to / HOUR) + 25);
    const inside = last - first;
    const parts = [
      this.points(0, first, 600), this.points(first, last, inside <= 4500 ? inside : 1500), this.points(last, this.length, 600),
    ];
    return { x: parts.flatMap((part) => part.x), y: parts.flatMap((part) => part.y), exact: inside <= 4500 };
  }

  /** Lowest and highest value in [from, to] (ms), null where there is none. */
  extent(from, to) {
    let low = Infinity, high = -Infinity;
    for (let i = this.index(Math.ceil(from / HOUR)); i < this.length && this.at[i] * HOUR <= to; i += 1) {
      if (this.values[i] < low) low = this.values[i];
      if (this.values[i] > high) high = this.values[i];
    }
    return low <= high ? [low, high] : null;
  }
}
