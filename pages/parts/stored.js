// Storage in the browser, of a tab over reloads and of a visitor between visits. Works without it if it is full or disabled.

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
    // Not stored.
  }
}
