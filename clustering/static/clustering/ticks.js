/** Return round values along an axis, and `at`, which maps a value to its place, 0 to 1. */
export function ticks(values) {
  // Divided by 4, because the distance between the largest numbers overflows.
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value / 4);
    high = Math.max(high, value / 4);
  }
  const margin = (high - low) * 0.04 || Math.abs(low) * 0.1 || 0.25;
  low -= margin;
  high += margin;
  const rough = (high - low) / 1.5; // about six marks
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10]
    .map((factor) => factor * power)
    .find((candidate) => candidate >= rough);
  const first = Math.ceil(low / (step / 4));
  const marks = [];
  for (let index = 0; index < 8; index++) {
    const value = Number(((first + index) * step).toPrecision(12));
    if (value / 4 > high || !Number.isFinite(value)) continue;
    const isLong = Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-4);
    marks.push({ value, text: isLong ? value.toExponential() : String(value) });
  }
  return { marks, at: (value) => (value / 4 - low) / (high - low) };
}
