// Opens the filters of the request history where there is room, and labels the cells of the list
// for narrow windows, where each row is a block. Runs before the page is shown.
{
  const closed = "clustering.history.filtersClosed";
  const filters = document.getElementById("history-filters");
  filters.open = matchMedia("(min-width: 768px)").matches && !localStorage.getItem(closed);
  filters.querySelector("summary").addEventListener("click", () => {
    // Before the click takes effect.
    if (filters.open) localStorage.setItem(closed, "yes");
    else localStorage.removeItem(closed);
  });

  const columns = [...document.querySelectorAll("#result_list thead th")];
  for (const row of document.querySelectorAll("#result_list tbody tr")) {
    for (const [place, cell] of [...row.cells].entries()) {
      cell.dataset.label = columns[place].textContent.trim();
    }
  }
}
