// Keeps the form of this tab in the browser, and hands it back to a session that does not know it: after a reload, or a restart
// of the server. Two tabs have two forms. The last settings wait for the next visit.

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
