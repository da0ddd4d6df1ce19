// Copy buttons: <button type="button" hidden data-copy="ID OF THE TEXT" data-done="Copied">. They appear only where copying works.
export function copyButtons(root: ParentNode = document): void {
  if (!navigator.clipboard) return;
  for (const button of Array.from(root.querySelectorAll<HTMLButtonElement>("button[data-copy]"))) {
    const source = document.getElementById(button.dataset.copy ?? "");
    const label = button.querySelector("span") ?? button;
    const before = label.textContent;
    if (!source) continue;
    button.hidden = false;
    button.addEventListener("click", () => {
      const text = source instanceof HTMLInputElement ? source.value : source.textContent ?? "";
      navigator.clipboard.writeText(text.trim()).then(() => {
        label.textContent = button.dataset.done ?? before;
        setTimeout(() => { label.textContent = before; }, 2500);
      }, () => { button.hidden = true; });
    });
  }
}
