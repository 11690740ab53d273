const app = new App();

app.start().catch((error) => {
  console.error(error);
  byId("problem").hidden = false;
  byId("problem").textContent = `The map cannot be drawn: ${error.message}`;
  document.documentElement.dataset.state = "failed";
});
