/** Saved views: find, open, save, update, rename, share, delete; all of it with the keyboard too. */

import { Button, Checkbox, Popover, TextInput } from "@mantine/core";
import {
  IconBookmark,
  IconDeviceFloppy,
  IconLock,
  IconPencil,
  IconPlus,
  IconTrash,
  IconUsers,
} from "@tabler/icons-react";
import { type FormEvent, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { View } from "../../core/api/explore.ts";
import { t } from "../../core/text.ts";
import { toast } from "../../core/toasts.ts";
import { viewPath, viewState } from "../../core/url/codecs.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useBackend } from "../../hooks/useApi.tsx";
import { useDeleteView, useSaveView, useViews } from "../../hooks/useExplore.ts";
import { useLogsUrl, useSearchText } from "../../hooks/useUrlState.ts";
import styles from "./ViewsMenu.module.css";

/** What the menu shows: the list, or one form. */
type Mode = { kind: "list" } | { kind: "form"; view: View | null } | { kind: "remove"; view: View };

export function ViewsMenu(): ReactNode {
  const [open, setOpen] = useState(false);
  const [url] = useLogsUrl();
  const search = useSearchText();
  const views = useViews(open || url.view !== "");
  const current = views.data?.find((view) => view.id === url.view);
  const changed = current !== undefined && viewState(current.state) !== viewState(search);
  useAction("views", () => setOpen(true) as undefined);
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" width={380} trapFocus returnFocus withinPortal>
      <Popover.Target>
        <Button
          size="xs"
          h={32}
          variant="default"
          title={`${t.views.title} (V)`}
          leftSection={<IconBookmark size={14} />}
          onClick={() => setOpen(!open)}
          data-testid="views-button"
        >
          <span className={styles.current}>{current ? current.name : t.views.button}</span>
          {changed && <span className={styles.changed}>{t.views.edited}</span>}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={0} aria-label={t.views.title}>
        {open && <Menu current={current} changed={changed} onClose={() => setOpen(false)} />}
      </Popover.Dropdown>
    </Popover>
  );
}

interface MenuProps {
  current: View | undefined;
  changed: boolean;
  onClose(): void;
}

function Menu({ current, changed, onClose }: MenuProps): ReactNode {
  const { tenant } = useBackend();
  const navigate = useNavigate();
  const search = useSearchText();
  const views = useViews(true);
  const save = useSaveView();
  const [mode, setMode] = useState<Mode>({ kind: "list" });
  const [typed, setTyped] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const all = views.data ?? [];
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter((view) => words.every((word) => view.name.toLowerCase().includes(word)));
  const open = (view: View): void => {
    onClose();
    void navigate(viewPath(view.state, view.id, tenant.current));
  };
  const update = (): void => {
    if (!current) return;
    const { id, name, description, shared } = current;
    save.mutate(
      { id, view: { name, description, shared, state: viewState(search) } },
      {
        onSuccess: () => {
          toast(t.views.updated);
          onClose();
        },
      },
    );
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const items = [...(list.current?.querySelectorAll<HTMLElement>("[data-view]") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const next = items[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
  if (mode.kind === "form")
    return <ViewForm view={mode.view} onBack={() => setMode({ kind: "list" })} onDone={onClose} />;
  if (mode.kind === "remove") return <Remove view={mode.view} onBack={() => setMode({ kind: "list" })} />;
  return (
    <div className={styles.menu} role="group" aria-label={t.views.title} onKeyDown={onKey} data-testid="views-menu">
      <div className={styles.find}>
        <TextInput
          size="xs"
          autoFocus
          data-autofocus
          value={typed}
          placeholder={t.views.search}
          aria-label={t.views.search}
          onChange={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => {
            const first = shown[0];
            if (event.key !== "Enter" || !first) return;
            event.preventDefault();
            open(first);
          }}
        />
      </div>
      <div className={styles.list}>
        {views.isPending && <Skeleton rows={4} />}
        {views.isError && <ErrorState error={views.error} onRetry={() => void views.refetch()} />}
        {views.isSuccess && all.length === 0 && <State title={t.views.none}>{t.views.noneHelp}</State>}
        {all.length > 0 && shown.length === 0 && <p className={styles.note}>{t.views.noMatch}</p>}
        <ul ref={list}>
          {shown.map((view) => (
            <li key={view.id} className={styles.item} data-current={view.id === current?.id || undefined}>
              <button type="button" className={styles.open} data-view onClick={() => open(view)}>
                <span className={styles.name}>{view.name}</span>
                <span className={styles.meta}>
                  {view.shared ? <IconUsers size={12} aria-hidden /> : <IconLock size={12} aria-hidden />}
                  {view.shared ? t.views.sharedMark : t.views.privateMark}
                  {!view.own && ` · ${t.views.by(view.owner)}`}
                </span>
              </button>
              {view.own && (
                <span className={styles.tools}>
                  <IconButton
                    label={`${t.views.rename}: ${view.name}`}
                    size={24}
                    onClick={() => setMode({ kind: "form", view })}
                  >
                    <IconPencil size={14} />
                  </IconButton>
                  <IconButton
                    label={`${t.views.remove}: ${view.name}`}
                    size={24}
                    onClick={() => setMode({ kind: "remove", view })}
                  >
                    <IconTrash size={14} />
                  </IconButton>
                </span>
              )}
            </li>
          ))}
        </ul>
      </div>
      <div className={styles.foot}>
        {current?.own && changed && (
          <Button
            size="xs"
            variant="default"
            loading={save.isPending}
            leftSection={<IconDeviceFloppy size={14} />}
            onClick={update}
          >
            {t.views.update(current.name)}
          </Button>
        )}
        <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setMode({ kind: "form", view: null })}>
          {t.views.save}
        </Button>
        {save.isError && <p role="alert">{save.error.message}</p>}
      </div>
    </div>
  );
}

function ViewForm({ view, onBack, onDone }: { view: View | null; onBack(): void; onDone(): void }): ReactNode {
  const search = useSearchText();
  const [, setUrl] = useLogsUrl();
  const save = useSaveView();
  const [name, setName] = useState(view?.name ?? "");
  const [shared, setShared] = useState(view?.shared ?? true);
  const [missing, setMissing] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() === "") {
      setMissing(true);
      return;
    }
    const state = view ? view.state : viewState(search);
    save.mutate(
      { id: view?.id ?? "", view: { name: name.trim(), description: view?.description ?? "", shared, state } },
      {
        onSuccess: (saved) => {
          toast(t.views.saved);
          if (view) return onBack();
          setUrl({ view: saved.id });
          onDone();
        },
      },
    );
  };
  const problem = missing
    ? t.views.needName
    : save.error instanceof ApiError
      ? `${save.error.message} ${save.error.hint}`
      : save.error?.message;
  return (
    <form className={styles.form} onSubmit={submit}>
      <h3>{view ? t.views.rename : t.views.save}</h3>
      <TextInput
        autoFocus
        size="xs"
        label={t.views.name}
        placeholder={t.views.namePlaceholder}
        maxLength={200}
        value={name}
        error={problem}
        onChange={(event) => {
          setName(event.currentTarget.value);
          setMissing(false);
        }}
      />
      <Checkbox
        size="xs"
        checked={shared}
        label={t.views.shared}
        onChange={(event) => setShared(event.currentTarget.checked)}
      />
      <div className={styles.buttons}>
        <Button size="xs" variant="default" onClick={onBack}>
          {t.views.cancel}
        </Button>
        <Button size="xs" type="submit" loading={save.isPending}>
          {t.views.done}
        </Button>
      </div>
    </form>
  );
}

function Remove({ view, onBack }: { view: View; onBack(): void }): ReactNode {
  const remove = useDeleteView();
  const [url, setUrl] = useLogsUrl();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <div className={styles.form} role="group" aria-label={t.views.removeAsk(view.name)}>
      <h3>{t.views.removeAsk(view.name)}</h3>
      <p>{t.views.removeHelp}</p>
      {remove.isError && <p role="alert">{remove.error.message}</p>}
      <div className={styles.buttons}>
        <Button size="xs" variant="default" ref={button} onClick={onBack}>
          {t.views.cancel}
        </Button>
        <Button
          size="xs"
          color="red.9"
          loading={remove.isPending}
          onClick={() =>
            remove.mutate(view.id, {
              onSuccess: () => {
                toast(t.views.removed);
                if (url.view === view.id) setUrl({ view: "" });
                onBack();
              },
            })
          }
        >
          {t.views.remove}
        </Button>
      </div>
    </div>
  );
}
