// SPDX-License-Identifier: Apache-2.0
"use strict";
const byId = (id) => document.getElementById(id);
const passwords = document.querySelector("main").dataset.kind === "password";
byId("user-row").hidden = !passwords;
if (passwords) byId("secret-label").textContent = say("Password");

async function login(user, secret) {
  const answer = await fetch("/api/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user, secret }),
  });
  if (answer.ok) location.replace("/");
  else byId("said").textContent = say(await answer.text());
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  login(byId("user").value, byId("secret").value);
});

// The printed link carries the token behind '#', which browsers send to nobody.
const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", "/login");
  login("", token);
}
