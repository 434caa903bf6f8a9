/** Return rows of cells as CSV. */
export function toCsv(rows) {
  return rows.map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

function quoted(cell) {
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
