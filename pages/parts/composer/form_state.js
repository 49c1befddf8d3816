// Keeps the form of this tab in the browser, and hands it back to a session that does not know it: after a reload, or a restart
// of the server. Two tabs have two forms. The last settings wait for the next visit.

const FORM = "studio_form", PROMPT = "studio_prompt", SETTINGS = "studio_settings"
// Not how many: a number that somebody forgot costs credits.
const SETTING_NAMES = ["aspect_ratio", "resolution", "output_format", "project"]

function read(store, name) {
  try {
    return JSON.parse(store().getItem(name))
  } catch {
    return null
  }
}

function write(store, name, value) {
  try {
    store().setItem(name, JSON.stringify(value))
  } catch {
    // A full or forbidden store costs a reload its form, and nothing else.
  }
}

function kept() {
  const form = read(() => sessionStorage, FORM) ?? read(() => localStorage, SETTINGS) ?? {}
  return { ...form, prompt: read(() => sessionStorage, PROMPT)?.text ?? "" }
}

export default function ({ data, setStateValue }) {
  if (data.isKnown) {
    write(() => sessionStorage, FORM, data.form)
    write(() => localStorage, SETTINGS, Object.fromEntries(SETTING_NAMES.map((name) => [name, data.form[name]])))
  } else {
    setStateValue("kept", { session: data.session, form: kept() })
  }
}
