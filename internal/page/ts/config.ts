// The data that the server wrote into the page for its script (Page.Config). T is the page's own shape.
export function config<T>(): T {
  const text = document.getElementById("config")?.textContent;
  if (!text) throw new Error("this page brings no config");
  return JSON.parse(text) as T;
}
