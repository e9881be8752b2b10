// What the console's pages do: takes the secret out of the address bar, and posts forms to the API.
"use strict";

const given = new URLSearchParams(location.search);
// The secret is neither kept in the history nor left to be seen over a shoulder.
history.replaceState(null, "", location.pathname);

const message = document.querySelector("[role=status]");
const texts = new Map(
  [...document.querySelectorAll("[data-text]")].map((line) => [line.dataset.text, line.textContent]),
);

function say(lines, kind) {
  message.replaceChildren(
    ...lines.map((line) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = line;
      return paragraph;
    }),
  );
  message.className = `message ${kind}`;
  message.focus();
}

// What went wrong, in the page's language; what the page has no words for is said in general ones.
function reasons(answer) {
  const broken = (answer.details?.reasons ?? []).map((rule) => texts.get(`rule-${rule}`)).filter(Boolean);
  if (broken.length > 0) return broken;
  const fields = Object.keys(answer.details?.fields ?? {}).map((name) => texts.get(`field-${name}`));
  if (answer.error_code === "COMMON_9001" && fields.some(Boolean)) return fields.filter(Boolean);
  return [texts.get(answer.error_code) ?? texts.get("failed")];
}

async function submit(form) {
  const body = {};
  for (const input of form.querySelectorAll("input[name]")) {
    if (input.value !== "") body[input.name] = input.value;
  }
  let response;
  let answer = {};
  try {
    response = await fetch(form.dataset.action, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
    });
    answer = await response.json().catch(() => ({}));
  } catch {
    return say([texts.get("unreachable")], "bad");
  }
  if (!response.ok) return say(reasons(answer), "bad");
  form.hidden = true;
  for (const line of document.querySelectorAll("[data-lead]")) line.hidden = true;
  return say([form.dataset.done], "good");
}

for (const form of document.querySelectorAll("form")) {
  // A form that needs a parameter is shown with it, its stand-in without.
  const { needs, without } = form.dataset;
  form.hidden = (needs && !given.get(needs)) || (without && Boolean(given.get(without)));
  for (const input of form.querySelectorAll("input[name]")) {
    const value = given.get(input.dataset.from ?? input.name);
    if (value && input.type !== "password") input.value = value;
  }
  form.querySelector("[data-reveal]")?.addEventListener("change", (event) => {
    form.querySelector("input[autocomplete=new-password]").type = event.target.checked ? "text" : "password";
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    await submit(form);
    button.disabled = false;
  });
}
for (const lead of document.querySelectorAll("[data-lead]")) {
  const form = document.getElementById(lead.dataset.lead);
  lead.hidden = form.hidden;
}
