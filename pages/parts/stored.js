// What the browser keeps of a tab over a reload, or of a visitor for the next visit. A store that is full or forbidden loses
// that, and nothing else.

const [FORM, PROMPT, REFERENCES] = ["studio_form", "studio_prompt", "studio_references"]
const [SETTINGS, OUTBOX] = ["studio_settings", "studio_presses"]
const [OF_TAB, OF_VISITOR] = [() => sessionStorage, () => localStorage]

function read(name, store = OF_TAB) {
  try {
    return JSON.parse(store().getItem(name))
  } catch {
    return null
  }
}

function write(name, value, store = OF_TAB) {
  try {
    store().setItem(name, JSON.stringify(value))
  } catch {
    // Whoever wrote it goes on without.
  }
}
