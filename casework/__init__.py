"""What officers do: subjects, flags, review, complaints, evidence. Only a decision made here can ever move a score."""
