// The tray at the foot of the window: what is selected, or being compared, and what can be done with it.

function createTray(stage) {
  const text = make("p", {})
  const actions = createActions(stage, () => ({ group: { id: "selection" }, item: null, key: null }))
  const element = make("div", { class: "tray", role: "group", "aria-label": "Chosen pictures" }, text, actions.element)
  const own = (id, label, symbol, more) => ({ id, label, icon: symbol, help: "", menu: false, primary: false, copy: null, ...more })

  function offered() {
    const chosen = stage.selection.chosen()
    if (chosen.length > 0) {
      const compared = chosen.filter(({ item }) => hasPicture(item)).length
      const compare = own("compare-selection", "Compare", "compare", { help: "Two to four pictures, next to each other." })
      const isFew = compared >= 2 && compared <= MOST_COMPARED && compared === chosen.length
      const all = own("select-all", "Select all", "select_all")
      const row = [isFew && compare, ...stage.data.selectionActions, chosen.length < stage.entries.length && all, own("select-none", "Clear", "close")]
      return { told: `${chosen.length} selected`, row: row.filter(Boolean) }
    }
    const comparing = stage.comparing.length
    if (comparing === 0) return null
    const told = comparing === 1 ? "Comparing: choose another" : `Comparing ${comparing}: choose another`
    return { told, row: [own("compare-none", "Stop comparing", "close")] }
  }

  function show() {
    const offer = offered()
    element.hidden = !offer
    if (!offer) return
    setText(text, offer.told)
    actions.update(offer.row)
  }

  return { element, show }
}
