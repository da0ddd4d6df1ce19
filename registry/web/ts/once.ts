// A form that keeps something is sent once: a second tap on the button while the first is on its way does nothing.
for (const form of Array.from(document.querySelectorAll<HTMLFormElement>('form[method="post"][data-once]'))) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    sent = true;
    // Back from the next page, out of the browser's memory, the form can be used again.
    window.addEventListener("pageshow", () => { sent = false; }, { once: true });
  });
}
