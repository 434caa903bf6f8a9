/** Principal component analysis, to draw points of more than two dimensions. */

/**
 * Return the first `count` principal components of `points`, by power iteration.
 *
 * `scores[component][point]` is the coordinate of a point along a component, and `shares` has each
 * component's share of the variance. Signs are those of scikit-learn's PCA: the largest weight of
 * a component is positive.
 */
export function principalComponents(points, count = 2) {
  const rows = points.length;
  const columns = points[0].length;
  const matrix = Float64Array.from(points.flat());
  for (let column = 0; column < columns; column++) {
    let mean = 0;
    for (let row = 0; row < rows; row++) mean += matrix[row * columns + column] / rows;
    for (let row = 0; row < rows; row++) matrix[row * columns + column] -= mean;
  }
  // Scaled by the largest number, because squares of large numbers overflow.
  const unit = matrix.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  matrix.forEach((value, index) => {
    matrix[index] = value / unit;
  });

  const covariance = Array.from({ length: columns }, () => new Float64Array(columns));
  for (let at = 0; at < matrix.length; at += columns) {
    for (let one = 0; one < columns; one++) {
      for (let other = 0; other <= one; other++) {
        covariance[one][other] += matrix[at + one] * matrix[at + other];
      }
    }
  }
  let total = 0;
  for (let one = 0; one < columns; one++) {
    total += covariance[one][one];
    for (let other = 0; other < one; other++) covariance[other][one] = covariance[one][other];
  }

  const scores = [];
  const shares = [];
  for (let component = 0; component < count; component++) {
    // Any start will do that is not orthogonal to the component.
    let weights = normalized(
      Float64Array.from({ length: columns }, (_, column) => Math.sin(column + 1)),
    );
    for (let step = 0, moved = 1; step < 300 && moved > 1e-12; step++) {
      const next = normalized(weights.map((_, column) => dot(covariance[column], weights)));
      moved = sumOfSquares(next.map((weight, column) => weight - weights[column]));
      weights = next;
    }
    const largest = weights.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
    if (largest < 0) weights = weights.map((weight) => -weight);
    const variance = dot(
      weights,
      weights.map((_, column) => dot(covariance[column], weights)),
    );
    covariance.forEach((row, one) => {
      // remove this component
      row.forEach((_, other) => {
        row[other] -= variance * weights[one] * weights[other];
      });
    });
    shares.push(variance / (total || 1));
    scores.push(
      Float64Array.from({ length: rows }, (_, row) => {
        let score = 0;
        for (let column = 0; column < columns; column++)
          score += matrix[row * columns + column] * weights[column];
        return score * unit;
      }),
    );
  }
  return { scores, shares };
}

function dot(one, other) {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += one[index] * other[index];
  return sum;
}

function sumOfSquares(vector) {
  return dot(vector, vector);
}

function normalized(vector) {
  const length = Math.sqrt(sumOfSquares(vector));
  return length ? vector.map((value) => value / length) : vector;
}
