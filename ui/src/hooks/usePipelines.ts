/** Data of the pipelines page: what is in force, the processors, trying out, and what steps have done. */
import { keepPreviousData, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import type { PipelineSpec, PipelinesAnswer, PreviewAnswer, Processor } from "../core/api/pipelines.ts";
import { figures, type Sample, type StepFigures } from "../core/pipelines/rates.ts";
import { useBackend } from "./useApi.tsx";

const REFRESH_MS = 3000;
export const TRIED_RECORDS = 20;

/** Asked for once: what is being edited must not change under people's hands. */
export function usePipelines(): UseQueryResult<PipelinesAnswer> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["pipelines", tenant.current],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    queryFn: ({ signal }) => api.pipelines(signal),
  });
}

export function useProcessors(): UseQueryResult<Processor[]> {
  const { api } = useBackend();
  return useQuery({
    queryKey: ["processors"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => (await api.processors(signal)).processors,
  });
}

/** `specs` as JSON, so that equal drafts are one request. A superseded request is cancelled. */
export function usePreview(specs: string, query: string, enabled: boolean): UseQueryResult<PreviewAnswer> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["preview", tenant.current, specs, query],
    enabled,
    retry: false,
    gcTime: 30_000,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      api.previewPipelines({ pipelines: JSON.parse(specs) as PipelineSpec[], query, limit: TRIED_RECORDS }, signal),
  });
}

/** Figures of steps by "pipeline/step", renewed while the page is visible. */
export function useStepFigures(): Map<string, StepFigures> {
  const { api, tenant } = useBackend();
  const answer = useQuery<Sample>({
    queryKey: ["pipeline-statistics", tenant.current],
    refetchInterval: REFRESH_MS,
    gcTime: 0,
    queryFn: async ({ signal }) => {
      const { steps } = await api.pipelineStatistics(signal);
      return { at: Date.now(), steps };
    },
    structuralSharing: false,
  });
  const samples = useRef<{ last: Sample | null; before: Sample | null }>({ last: null, before: null });
  const data = answer.data;
  if (data && data !== samples.current.last) samples.current = { last: data, before: samples.current.last };
  return useMemo(() => (data ? figures(data, samples.current.before) : new Map()), [data]);
}
