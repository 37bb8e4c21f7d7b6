// Every word of the page, in one place (index.html holds one more, for a browser without scripts).
export const text = {
  title: "ScanOps",
  tagline: "Image classifier",
  skip: "Skip to the results",
  heading: "Classify a scan",
  lead: "Scans go to this server alone, and are not kept once they are answered.",
  dropTitle: "Drop scans here",
  dropHint: "or paste one from the clipboard",
  choose: "Choose files",
  formats: "JPEG, PNG, TIFF, BMP, WebP, GIF or DICOM of one frame; up to 32 MB each",
  results: "Results",
  empty: "Nothing yet",
  emptyHint: "Each scan appears here with the probability of every class, and a map of where the evidence lies.",
  waiting: "Reading…",
  unusable: "Could not be used",
  unsent: "Not answered",
  unread: "The browser could not read it: it was moved or removed, or may not be opened. Drop it again.",
  again: "Try again",
  noAnswer: "No answer",
  anyway: "What it would have said",
  noPreview: "No preview",
  pasted: "Pasted image",
  previewOf: (name) => `Preview of ${name}`,
  probabilities: (name) => `Probability of each class for ${name}`,
  lessThan: "< 0.1 %",
  moreThan: "> 99.9 %",
  percent: (value) => `${value} %`,
  announceBusy: (count) => (count === 1 ? "Reading one scan." : `Reading ${count} scans.`),
  announceUnread: (count) =>
    count === 1 ? "One file or folder could not be read." : `${count} files or folders could not be read.`,
  announceDone: (done, failed) =>
    `${done === 1 ? "One scan" : `${done} scans`} classified` +
    (failed ? `, ${failed} could not be used.` : "."),

  visit: "This visit",
  visitNote: "Kept in this tab alone; gone when it closes.",
  clear: "Clear",
  clearLabel: "Clear all scans of this visit",
  announceClear: "All scans of this visit are cleared.",
  counts: ({ total, answered, silent, failed, waiting }) =>
    [
      total === 1 ? "1 scan" : `${total} scans`,
      answered && `${answered} classified`,
      silent && `${silent} without an answer`,
      failed && `${failed} failed`,
      waiting && `${waiting} waiting`,
    ]
      .filter(Boolean)
      .join(" · "),

  showMap: "Show heat map",
  hideMap: "Hide heat map",
  mapLoading: "Drawing the heat map…",
  mapClass: "Evidence for",
  mapOpacity: "Opacity",
  mapOpacityLabel: "Opacity of the heat map",
  mapNone: "No evidence",
  mapMost: "Most",
  mapSeen: (side) => `What the model saw, ${side} × ${side} pixels`,
  mapOf: (label) => `Heat map: where the evidence for ${label} lies`,
  mapNote: (side) =>
    `The picture is what the model saw, ${side} × ${side} pixels. The colours show which places spoke for the ` +
    "class in this model; they do not show where disease is.",
  announceMap: (label) => `Heat map for ${label} shown.`,

  token: "Access token",
  useToken: "Use it",
  tokenNote: "It stays in the memory of this tab. Whoever runs the service gives out tokens.",
  needsToken: "This service answers only with a valid access token.",
  unreachable: "The server could not be reached. Check the connection, then send the scan again.",
  refused: (status, detail) => detail || `The server answered with status ${status}. Send the scan again.`,
  architecture: "Architecture",
  bundle: "Bundle",
  data: "Data",
  version: "Version",
  commit: "Commit",
  model: "The model that answers",
  notice: "Research software, not a medical device: not for diagnosis.",
};

// Of the page that shows the API (api.html holds what it says without scripts).
export const api = {
  needsToken: "Needs a token: Authorization: Bearer …",
  parameters: "Parameters",
  body: "Body",
  answers: "Answers",
  schemas: "Schemas",
  schema: "Schema",
  example: "Example",
  any: "any",
  listOf: (name) => `list of ${name}`,
  notShown: (why) => `openapi.json could not be shown (${why}).`,
};
