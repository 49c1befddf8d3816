// Keeps the form of this tab in the browser, letter by letter, and hands it back to a session that does not know it: after
// a reload, a restart of the server, a lost line. Two tabs have two forms. The last settings wait for the next visit.
// Counts the prompt's characters meanwhile.

const FORM = "studio_form", SETTINGS = "studio_settings"
// Not how many: a number that somebody forgot costs credits.
const SETTING_NAMES = ["aspect_ratio", "resolution", "output_format", "project"]
const KEPT_NAMES = ["prompt", "images", "as_table", "written_out", ...SETTING_NAMES]
const TRIES = 5, AGAIN_MS = 1500
const field = () => document.querySelector('textarea[aria-label="Prompt"]')

// Streamlit writes a button's shortcut too pale to be read on amber.
if (!window.__studioStyle) {
  window.__studioStyle = new CSSStyleSheet()
  window.__studioStyle.replaceSync("button kbd { opacity: 1 !important }")
  document.adoptedStyleSheets.push(window.__studioStyle)
}

function read(store, name) {
  try {
    return JSON.parse(store.getItem(name))
  } catch {
    return null
  }
}

function write(store, name, value) {
  try {
    store.setItem(name, JSON.stringify(value))
  } catch {
    // A full or forbidden store costs a reload its form, and nothing else.
  }
}

function settingsOf(form) {
  return Object.fromEntries(SETTING_NAMES.map((name) => [name, form[name]]))
}

function createTab() {
  const tab = { session: null, form: null, word: null, pending: null }

  function keep(changed) {
    const isTyped = field() && field() === document.activeElement
    tab.form = { ...tab.form, ...changed, ...(isTyped && { prompt: field().value }) }
    write(sessionStorage, FORM, tab.form)
    write(localStorage, SETTINGS, settingsOf(tab.form))
  }

  // The strip of references and the settings change without a run of the whole form.
  const keepPart = (part) => tab.form && !tab.pending && keep(part)
  return Object.assign(tab, { keep, keepSettings: keepPart, keepReferences: (references) => keepPart({ references }) })
}

export default function ({ data, setStateValue, parentElement }) {
  const line = parentElement.querySelector("output")
  const tab = (window.__studioForm ??= createTab())

  function count() {
    const length = [...(field()?.value ?? data.form.prompt ?? "")].length
    line.textContent = `${length.toLocaleString("en")} / ${data.limit.toLocaleString("en")}`
    line.classList.toggle("over", length > data.limit)
    line.setAttribute("aria-label", `${line.textContent} characters`)
  }

  function isBack(form) {
    return data.restored && KEPT_NAMES.every((name) => form[name] === undefined || form[name] === data.form[name])
  }

  if (tab.session !== data.session) {
    const kept = tab.form ?? read(sessionStorage, FORM) ?? read(localStorage, SETTINGS)
    Object.assign(tab, { session: data.session, tries: 0, word: null, pending: data.restored ? null : kept })
  }
  // A run that is cut short by another can lose what it was handed, so it is handed over until it stands there.
  function handOver() {
    clearTimeout(tab.waiting)
    if (tab.pending && tab.tries < TRIES && !isBack(tab.pending)) {
      tab.tries += 1
      setStateValue("restored", { ...tab.pending, tries: tab.tries })
      tab.waiting = setTimeout(handOver, AGAIN_MS)
    } else {
      tab.pending = null
      // What is drawn again with the same words may be older than the settings that were kept since.
      const word = JSON.stringify(data.form)
      if (word !== tab.word) tab.keep(data.form)
      tab.word = word
    }
  }
  handOver()

  const onInput = (event) => {
    if (event.target !== field()) return
    tab.form = { ...(tab.form ?? data.form), prompt: event.target.value }
    write(sessionStorage, FORM, tab.form)
    count()
  }
  tab.leave?.()
  document.addEventListener("input", onInput)
  tab.leave = () => document.removeEventListener("input", onInput)
  count()
  // The field may be filled right after this, by the same run of the page.
  setTimeout(count, 50)
  return () => {
    clearTimeout(tab.waiting)
    tab.leave()
  }
}
