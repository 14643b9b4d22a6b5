// Whether somebody was signed in here when the page was last open: then what they need is asked for at once, and not
// only when the answer says who they are.
const PLACE = 'magic.inside'

export function wasInside(): boolean {
  try {
    return localStorage.getItem(PLACE) === '1'
  } catch {
    return false
  }
}

export function noteInside(inside: boolean) {
  try {
    if (inside) localStorage.setItem(PLACE, '1')
    else localStorage.removeItem(PLACE)
  } catch {
    // Without storage everything comes a little later.
  }
}
