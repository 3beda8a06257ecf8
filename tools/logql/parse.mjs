// Reads a JSON list of LogQL queries from stdin and writes the syntax tree of each, as Grafana's
// own grammar sees it: {name, from, to, children}. A node named ⚠ stands where it does not parse.
import { parser } from "@grafana/lezer-logql";
import { readFileSync, writeSync } from "node:fs";

function tree(node) {
  const children = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    children.push(tree(child));
  }
  return { name: node.type.name, from: node.from, to: node.to, children };
}

const queries = JSON.parse(readFileSync(0, "utf8"));
writeSync(1, JSON.stringify(queries.map((query) => tree(parser.parse(query).topNode))));
