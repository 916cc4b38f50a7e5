/** axe finds nothing serious on the pages of traces and services, in both themes. */
import { check } from "../axe.mjs";
import { TracesPage } from "../pages/traces.mjs";
import { NAMED, traced } from "../traced.mjs";

async function tracing({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.open(tenant);
  await traces.rows.nth(5).waitFor();
  await check(page, "search of traces");
  await traces.rows.first().click();
  await traces.panel.getByTestId("span-row").first().click();
  await traces.panel.getByTestId("span-details").waitFor();
  await check(page, "a trace in the panel");
  await traces.open(tenant, { tab: "compare", q: "{ status = error }" });
  await page.getByTestId("compared-tag").first().waitFor();
  await check(page, "traces compared");
  await traces.trace(tenant, NAMED.odd);
  await traces.spans.nth(2).click();
  await traces.details.waitFor();
  await check(page, "a trace");
  await page
    .getByRole("button", { name: /^Filter/ })
    .first()
    .click();
  await page.getByText("Hide shorter than").waitFor();
  await check(page, "filters of a trace");
  for (const view of ["flame", "spans", "operations"]) {
    await traces.trace(tenant, NAMED.plain, { view });
    await page.getByTestId(view).waitFor();
    await check(page, view);
  }
  await traces.trace(tenant, NAMED.plain, { view: "diff", other: NAMED.failed });
  await page.getByTestId("diff-summary").waitFor();
  await check(page, "two traces");
  await traces.services(tenant);
  await page.getByTestId("service-row").first().waitFor();
  await check(page, "services");
  await traces.services(tenant, "", { view: "map" });
  await page.getByTestId("map-node").first().waitFor();
  await check(page, "the map");
  for (const tab of ["overview", "operations", "dependencies", "errors", "traces", "deployments"]) {
    await traces.services(tenant, "/payment", { tab });
    await page.getByTestId("service-head").waitFor();
    await page.waitForTimeout(700);
    await check(page, `a service: ${tab}`);
  }
}

export default {
  "light theme": tracing,
  "dark theme": Object.assign((context) => tracing(context), { options: { theme: "dark" } }),
};
