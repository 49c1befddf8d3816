// Keeps the settings of this tab's form (memory.js), which change without a run of the whole form.

export default ({ data }) => {
  window.__studioForm?.keepSettings(data.form)
}
