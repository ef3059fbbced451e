// Reads a list of Mermaid texts from the file that is named, with Mermaid's own parser, and prints for each
// what is in it, or why it is refused. Run in a folder with the packages mermaid and jsdom.
import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';

// The parser cleans texts with the help of a browser's window.
const { window } = new JSDOM('');
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import('mermaid');

const found = [];
for (const text of JSON.parse(readFileSync(process.argv.at(-1), 'utf8'))) {
  try {
    await mermaid.parse(text);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    found.push({
      boxes: db.getVertices().size,
      arrows: db.getEdges().length,
      clusters: db.getSubGraphs().length,
    });
  } catch (error) {
    found.push({ refused: String(error.message ?? error) });
  }
}
console.log(JSON.stringify(found));
