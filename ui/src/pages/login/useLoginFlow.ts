/** Where a login stands: the challenge of its second step, the token of a reset link, and what went wrong. */
import { useEffect, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { ApiError } from "../../core/api/errors.ts";
import type { Challenge, Session } from "../../core/api/security.ts";
import { PasskeyError, signWithPasskey } from "../../core/security/webauthn.ts";
import { s } from "../../core/securityText.ts";
import { useBackend } from "../../hooks/useApi.tsx";

export interface Failed {
  message: string;
  /** Seconds until the next try is worth while; 0 at once. */
  wait: number;
}

export interface LoginFlow {
  challenge: Challenge | null;
  resetToken: string;
  /** Of a link that the command line has printed. */
  linkToken: string;
  /** Said above the form: a password that has been set. */
  notice: string;
  failed: Failed | null;
  busy: boolean;
  /** Runs a step; true when it went through. */
  step(act: () => Promise<Session>): Promise<boolean>;
  passkey(token: string): Promise<void>;
  fail(message: string): void;
  restart(notice?: string): void;
}

function failureOf(error: unknown): Failed {
  if (error instanceof PasskeyError) return { message: s.passkeyFailures[error.kind], wait: 0 };
  if (error instanceof ApiError) return { message: `${error.message} ${error.hint}`.trim(), wait: error.retryAfter };
  return { message: String(error), wait: 0 };
}

interface Taken {
  reset: string;
  link: string;
}

/** What a link to this page brings, from its query or, never sent to any server, from behind its `#`. */
function brought(search: string, hash: string): Taken & { rest: string } {
  const query = new URLSearchParams(search);
  const hidden = new URLSearchParams(hash.replace(/^#/, ""));
  const found = {
    reset: hidden.get("reset") ?? query.get("reset") ?? "",
    link: hidden.get("link") ?? "",
  };
  query.delete("reset");
  return { ...found, rest: query.toString() };
}

/** Takes what is secret, or once only, out of the address bar and the history at once. */
function useTaken(): Taken {
  const { search, hash } = useLocation();
  const navigate = useNavigate();
  const [taken] = useState(() => brought(search, hash));
  const { reset, link, rest } = brought(search, hash);
  const there = reset !== "" || link !== "";
  useEffect(() => {
    if (there) void navigate(rest ? `/login?${rest}` : "/login", { replace: true });
  }, [there, rest, navigate]);
  return taken;
}

export function useLoginFlow(): LoginFlow {
  const { api, client } = useBackend();
  const taken = useTaken();
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  const [resetToken, setResetToken] = useState(taken.reset);
  const [linkToken, setLinkToken] = useState(taken.link);
  const [notice, setNotice] = useState("");
  const [failed, setFailed] = useState<Failed | null>(null);
  const [busy, setBusy] = useState(false);
  const running = useRef(false);

  const step = async (act: () => Promise<Session>): Promise<boolean> => {
    if (running.current) return false;
    running.current = true;
    setBusy(true);
    setFailed(null);
    try {
      const session = await act();
      setNotice("");
      setLinkToken("");
      if (session.challenge) setChallenge(session.challenge);
      else {
        setChallenge(null);
        client.setQueryData(["session"], session);
      }
      return true;
    } catch (error) {
      setFailed(failureOf(error));
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return {
    challenge,
    resetToken,
    linkToken,
    notice,
    failed,
    busy,
    step,
    passkey: async (token) => {
      await step(async () => {
        const begun = await api.beginPasskeyLogin(token);
        const credential = await signWithPasskey(begun.options);
        return api.finishPasskeyLogin({ token: begun.token, credential });
      });
    },
    fail: (message) => setFailed({ message, wait: 0 }),
    restart: (said = "") => {
      setChallenge(null);
      setResetToken("");
      setLinkToken("");
      setFailed(null);
      setNotice(said);
    },
  };
}
