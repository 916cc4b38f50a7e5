import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { type ReactNode, useState } from "react";
import { afterEach, describe, expect, it } from "vitest";
import { moved } from "../../core/pipelines/draft.ts";
import { SortableList } from "./SortableList.tsx";

function List(): ReactNode {
  const [items, setItems] = useState(["a", "b", "c"].map((key) => ({ key })));
  return (
    <SortableList
      items={items}
      label="Letters"
      nameOf={(item) => item.key}
      onMove={(from, to) => setItems(moved(items, from, to))}
    >
      {(item, _index, handle) => (
        <>
          {handle}
          <span data-testid="letter">{item.key}</span>
        </>
      )}
    </SortableList>
  );
}

const order = (): string =>
  screen
    .getAllByTestId("letter")
    .map((letter) => letter.textContent)
    .join("");

describe("a sortable list", () => {
  afterEach(cleanup);

  it("moves the focused entry with Alt and the arrows, keeps the focus, and says where it is", async () => {
    const user = userEvent.setup();
    render(<List />);
    screen.getByRole("button", { name: "Move a" }).focus();
    await user.keyboard("{Alt>}{ArrowDown}{ArrowDown}{/Alt}");
    expect(order()).toBe("bca");
    expect(document.activeElement).toBe(screen.getByRole("button", { name: "Move a" }));
    expect(screen.getByRole("status").textContent).toBe("a is now 3 of 3.");
    await user.keyboard("{Alt>}{ArrowDown}{/Alt}");
    expect(order()).toBe("bca");
    expect(screen.getByRole("status").textContent).toBe("a is already the last.");
  });

  it("leaves the arrows alone without Alt", async () => {
    const user = userEvent.setup();
    render(<List />);
    screen.getByRole("button", { name: "Move b" }).focus();
    await user.keyboard("{ArrowUp}{ArrowDown}{ArrowDown}");
    expect(order()).toBe("abc");
  });
});
