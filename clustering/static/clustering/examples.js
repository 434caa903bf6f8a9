/** Example points as text; the generated ones are always the same. */

const COUNT = 210;

export const EXAMPLES = {
  nine: () => "[[1,2],[2,3],[3,5],[4,6],[8,8],[10,11],[12,12],[12,15],[10,12]]",
  blobs: () => {
    const centres = [
      [2, 3],
      [8, 8],
      [9, 1.5],
    ];
    return csv(["x", "y"], (random, index) =>
      centres[index % 3].map((middle) => middle + normal(random) * 0.9),
    );
  },
  moons: () =>
    csv(["x", "y"], (random, index) => {
      const angle = Math.PI * random();
      const [x, y] = [Math.cos(angle), Math.sin(angle)];
      return (index % 2 ? [x, y] : [1 - x, 0.5 - y]).map((value) => value + normal(random) * 0.08);
    }),
  ring: () =>
    csv(["x", "y"], (random, index) => {
      const angle = 2 * Math.PI * random();
      const radius = index % 3 ? 5 : 0.5;
      return [Math.cos(angle), Math.sin(angle)].map(
        (value) => radius * value + normal(random) * 0.4,
      );
    }),
  fiveDimensions: () => {
    const centres = [
      [1, 7, 3, 2, 5],
      [6, 2, 8, 4, 1],
      [3, 4, 1, 9, 7],
      [9, 8, 6, 5, 9],
    ];
    return csv(["a", "b", "c", "d", "e"], (random, index) =>
      centres[index % 4].map((middle) => middle + normal(random)),
    );
  },
};

function csv(names, pointAt) {
  const random = randomGenerator(9);
  const lines = Array.from({ length: COUNT }, (_, index) =>
    pointAt(random, index)
      .map((value) => value.toFixed(2))
      .join(","),
  );
  return [names.join(","), ...lines].join("\n");
}

/** Return a generator of numbers from 0 to 1: mulberry32, because Math.random has no seed. */
function randomGenerator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Return a normally distributed number, by the Box-Muller transform. */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
