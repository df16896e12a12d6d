// Keep every page that was opened, with what it needs, for reading without a network. The newest
// copy comes first where there is a network.
"use strict";

const CACHE = "pg_edu";

async function fetchAndKeep(request) {
  const response = await fetch(request);
  if (response.ok && new URL(response.url).origin === location.origin) {
    const cache = await caches.open(CACHE);
    await cache.put(request, response.clone());
  }
  return response;
}

async function answer(request) {
  try {
    return await fetchAndKeep(request);
  } catch (error) {
    const kept = await caches.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const own = new URL(event.request.url).origin === location.origin;
  if (event.request.method === "GET" && own) event.respondWith(answer(event.request));
});

// The first page was loaded before this worker was there; it sends what it has loaded.
self.addEventListener("message", (event) => {
  const keep = async () => {
    await Promise.all(event.data.map((address) => fetchAndKeep(new Request(address)).catch(() => {})));
    event.source.postMessage("kept");
  };
  event.waitUntil(keep());
});
