/** Fails when axe finds something serious on the page as it is; says what else it finds. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function check(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, {
      resultTypes: ["violations"],
      runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  const serious = violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
  if (serious.length > 0) {
    throw new Error(
      serious
        .map(
          (violation) =>
            `${where}: ${violation.id} (${violation.impact}): ${violation.help}\n${violation.nodes
              .slice(0, 4)
              .map((node) => `  ${node.html.slice(0, 160)}\n  ${node.failureSummary.split("\n").slice(1, 3).join(" ")}`)
              .join("\n")}`,
        )
        .join("\n"),
    );
  }
  const other = violations.map((violation) => `${violation.id} (${violation.impact})`);
  if (other.length > 0) console.log(`     ${where}: ${other.join(", ")}`);
}
