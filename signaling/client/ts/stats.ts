// A call's figures, out of the many that a browser keeps (W3C webrtc-stats). No DOM: tested as it is.

export interface CallStats {
  framesDecoded: number; // since the media session began, all received video
  framesPerSecond: number;
  audioEnergy: number; // totalAudioEnergy of all received audio
  samplesReceived: number;
  bytesReceived: number;
  bytesSent: number;
  rtt: number; // milliseconds, -1 if not known yet
  loss: number; // 0..1 of the packets since the last call of stats()
}

/** The members of RTCStats that are read, all optional because browsers differ. */
export interface StatsRow {
  type: string;
  kind?: string;
  framesDecoded?: number;
  framesPerSecond?: number;
  totalAudioEnergy?: number;
  totalSamplesReceived?: number;
  bytesReceived?: number;
  bytesSent?: number;
  packetsReceived?: number;
  packetsLost?: number;
  nominated?: boolean;
  state?: string;
  currentRoundTripTime?: number;
}

export interface Packets {
  received: number;
  lost: number;
}

export function summarise(rows: Iterable<StatsRow>, before: Packets): { stats: CallStats; packets: Packets } {
  const stats: CallStats = {
    framesDecoded: 0, framesPerSecond: 0, audioEnergy: 0, samplesReceived: 0, bytesReceived: 0, bytesSent: 0, rtt: -1, loss: 0,
  };
  const packets: Packets = { received: 0, lost: 0 };
  for (const row of rows) {
    if (row.type === "inbound-rtp") {
      stats.framesDecoded += row.framesDecoded ?? 0;
      stats.framesPerSecond += row.framesPerSecond ?? 0;
      stats.audioEnergy += row.totalAudioEnergy ?? 0;
      stats.samplesReceived += row.totalSamplesReceived ?? 0;
      stats.bytesReceived += row.bytesReceived ?? 0;
      packets.received += row.packetsReceived ?? 0;
      packets.lost += row.packetsLost ?? 0;
    } else if (row.type === "outbound-rtp") {
      stats.bytesSent += row.bytesSent ?? 0;
    } else if (row.type === "candidate-pair" && row.nominated && row.state === "succeeded" && row.currentRoundTripTime !== undefined) {
      stats.rtt = Math.round(row.currentRoundTripTime * 1000);
    }
  }
  // The totals go back to zero with a new media session, and "lost" may shrink when a late packet comes.
  const lost = Math.max(0, packets.lost - before.lost);
  const received = Math.max(0, packets.received - before.received);
  if (lost + received > 0) stats.loss = lost / (lost + received);
  return { stats, packets };
}
