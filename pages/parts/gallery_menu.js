// "More": a menu as the platform's own are, with arrows, Home, End, letters, Esc, and a press anywhere else.

function createMore(stage, press) {
  const views = new Map()
  const menu = make("div", { role: "menu", popover: "manual", class: "menu", "aria-label": "More" })
  const opens = { "aria-haspopup": "menu", "aria-expanded": "false" }
  const named = { "aria-label": "More", title: "More" }
  const opener = make("button", { type: "button", class: "button", ...named, ...opens }, icon("more_horiz"))
  const element = make("span", { class: "more" }, opener, menu)
  const choices = () => [...menu.querySelectorAll("[role=menuitem]")]
  const isOpen = () => opener.getAttribute("aria-expanded") === "true"

  function open(last) {
    stage.closeMenu?.()
    menu.showPopover()
    opener.setAttribute("aria-expanded", "true")
    place()
    choices().at(last ? -1 : 0)?.focus()
    document.addEventListener("pointerdown", onElsewhere, true)
    document.addEventListener("scroll", onScroll, true)
    stage.closeMenu = close
  }

  function close(returnFocus) {
    if (!isOpen()) return
    opener.setAttribute("aria-expanded", "false")
    if (menu.matches(":popover-open")) menu.hidePopover()
    document.removeEventListener("pointerdown", onElsewhere, true)
    document.removeEventListener("scroll", onScroll, true)
    stage.closeMenu = null
    if (returnFocus) opener.focus()
  }

  function place() {
    const at = opener.getBoundingClientRect()
    const below = at.bottom + 4 + menu.offsetHeight < innerHeight
    menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - menu.offsetHeight)}px`
    menu.style.left = `${Math.max(8, Math.min(at.left, innerWidth - menu.offsetWidth - 8))}px`
  }

  const onElsewhere = (event) => event.composedPath().includes(element) || close(false)
  const onScroll = (event) => menu.contains(event.target) || place()

  function move(step) {
    const all = choices()
    const now = all.indexOf(menu.getRootNode().activeElement)
    all[(now + step + all.length) % all.length].focus()
  }

  function find(letter) {
    const all = choices()
    const now = all.indexOf(menu.getRootNode().activeElement)
    const turned = [...all.slice(now + 1), ...all.slice(0, now + 1)]
    turned.find((choice) => choice.dataset.name.toLowerCase().startsWith(letter.toLowerCase()))?.focus()
  }

  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Home: () => choices()[0].focus(),
    End: () => choices().at(-1).focus(),
    Escape: () => close(true),
  }
  menu.addEventListener("keydown", (event) => {
    event.stopPropagation()
    if (event.key === "Tab") return close(false)
    if (keys[event.key]) {
      event.preventDefault()
      keys[event.key]()
    } else if (event.key.length === 1 && event.key !== " ") find(event.key)
  })
  opener.addEventListener("click", () => (isOpen() ? close(true) : open(false)))
  opener.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
    event.preventDefault()
    event.stopPropagation()
    open(event.key === "ArrowUp")
  })

  function choose(action, event) {
    close(true)
    press(action, { currentTarget: opener, detail: event.detail })
  }

  return {
    element,
    update({ actions }) {
      keyed(menu, actions, views, (action) => action.id, () => createChoice(choose))
      if (isOpen()) place()
    },
  }
}

function createChoice(choose) {
  const picture = icon("")
  const label = make("span", {})
  // Named by its text, not by an aria-label: "Copy prompt" is no label of a field.
  const help = make("small", { "aria-hidden": "true" })
  const element = make("button", { type: "button", role: "menuitem", tabindex: "-1" }, picture, label, help)
  let action = null
  element.addEventListener("click", (event) => choose(action, event))
  return {
    element,
    update(next) {
      action = next
      setAttribute(picture, "data-icon", next.icon)
      setText(label, next.label)
      setText(help, next.help)
      element.dataset.name = next.label
      setAttribute(element, "aria-description", next.help || null)
    },
  }
}
