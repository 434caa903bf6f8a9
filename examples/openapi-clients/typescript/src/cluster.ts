// Sends the points of each input line, and prints the answer or the problem as a line of JSON.
import { createInterface } from "node:readline";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({ baseUrl: process.argv[2] });
for await (const line of createInterface({ input: process.stdin })) {
  const points: number[][] = JSON.parse(line);
  const { data, error } = await client.POST("/api/skl-kmeans", {
    body: { points },
    params: { query: { details: true } },
  });
  if (error) {
    const problem: Problem = error;
    console.log(JSON.stringify(problem));
  } else {
    const labels: number[] = data.results;
    console.log(JSON.stringify({ results: labels, centers: data.centers, sizes: data.sizes }));
  }
}
