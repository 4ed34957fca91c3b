#!/bin/sh
# Eight parts of an import as a Slurm array, then the merge:
#   parts=$(sbatch --parsable deploy/batch/slurm.sh) && sbatch --dependency=afterok:$parts --wrap "deploy/batch/veduta_batch.py merge -o city.city --parts 8"
#SBATCH --array=0-7
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --requeue
exec deploy/batch/veduta_batch.py part sources/*.gml -o city.city --parts 8
