// The set-up code is in the link's fragment, so that no server log and no chat preview sees it. This puts it into the form
// and out of the address bar; the person then taps the button.
const field = document.getElementById("code");
const code = location.hash.slice(1);
if (field instanceof HTMLInputElement && /^[\w-]{43}$/.test(code)) {
  field.value = code;
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("code-field")?.setAttribute("hidden", "");
  document.getElementById("code-found")?.removeAttribute("hidden");
}
