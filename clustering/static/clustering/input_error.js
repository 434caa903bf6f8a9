/** An error in the input: the key of a text of the page, its values, and its place. */
export class InputError extends Error {
  constructor(key, values = {}, place = null) {
    super(key);
    this.key = key;
    this.values = values;
    this.place = place;
  }
}
