// Stores the form of this tab in the browser, and restores it in a new session: after a reload, or a restart of the server.
// Each tab has its own form. The last settings are kept for the next visit.

export default inOrder(({ data, setStateValue }) => {
  if (data.isKnown) {
    write(FORM, data.form)
    write(SETTINGS, Object.fromEntries(data.settings.map((name) => [name, data.form[name]])), OF_VISITOR)
  } else {
    const form = read(FORM) ?? read(SETTINGS, OF_VISITOR) ?? {}
    const kept = { ...form, prompt: read(PROMPT)?.text ?? "", references: read(REFERENCES) ?? [] }
    setStateValue("kept", { session: data.session, form: kept })
  }
})
